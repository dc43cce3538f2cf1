import { nameFrom, projectAt, serviceNameAt } from '@portolan/client/working-copy';
import { PortolanError } from '@portolan/model';

/**
 * The service that a directory is about, where none is named; see `projectAt` and `serviceNameAt`.
 *
 * @returns `shop/web`
 * @throws PortolanError `invalid-request` outside of a repository
 */
export function ownService(directory = process.cwd(), environment = process.env): string {
  const own = projectAt(directory, environment);
  if (!own) {
    throw new PortolanError(
      'invalid-request',
      'Which service this is cannot be told: it is no git repository and PORTOLAN_PROJECT is not set. ' +
        'Write: portolan run project/name -- command',
    );
  }
  return `${nameOf(own.project)}/${nameOf(serviceNameAt(directory, own.tree))}`;
}

/** The project that a directory is of, where none is named. */
export function ownProject(directory = process.cwd(), environment = process.env): string | undefined {
  return projectAt(directory, environment)?.project;
}

function nameOf(text: string): string {
  const name = nameFrom(text);
  if (name !== undefined) return name;
  throw new PortolanError(
    'invalid-request',
    `"${text}" is no name for a service. Write: portolan run project/name -- command`,
  );
}
