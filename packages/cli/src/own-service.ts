import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { type Worktree, worktreeAt } from '@portolan/client/working-copy';
import { Name, PortolanError } from '@portolan/model';

/**
 * The service that a directory is about, where none is named: the repository (or PORTOLAN_PROJECT) is the project, and
 * the name in the nearest package.json the service, else that of the directory.
 *
 * @returns `shop/web`
 * @throws PortolanError `invalid-request` outside of a repository
 */
export function ownService(directory = process.cwd(), environment = process.env): string {
  const tree = worktreeAt(directory);
  const project = environment.PORTOLAN_PROJECT || tree?.repository;
  if (!project) {
    throw new PortolanError(
      'invalid-request',
      'Which service this is cannot be told: it is no git repository and PORTOLAN_PROJECT is not set. ' +
        'Write: portolan run project/name -- command',
    );
  }
  const service =
    packageName(directory, tree) ?? (tree && !relative(tree.root, directory) ? tree.repository : basename(directory));
  return `${nameOf(project)}/${nameOf(service)}`;
}

/** Not from beyond the tree: what lies there is somebody else's. */
function packageName(directory: string, tree: Worktree | undefined): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const file = join(at, 'package.json');
    if (existsSync(file)) {
      const name = nameIn(file);
      if (name) return name;
    }
    if (at === (tree?.root ?? directory) || dirname(at) === at) return undefined;
  }
}

function nameIn(file: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** `@shop/web app` → `web-app` */
function nameOf(text: string): string {
  const name = text
    .replace(/^@[^/]*\//, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 63);
  if (Name.safeParse(name).success) return name;
  throw new PortolanError(
    'invalid-request',
    `"${text}" is no name for a service. Write: portolan run project/name -- command`,
  );
}
