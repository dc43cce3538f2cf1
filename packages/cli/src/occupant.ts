import { createScanner } from '@portolan/agent';
import { type Listener, PortolanError } from '@portolan/model';
import { plain } from './output.ts';

/** A start that failed on its address becomes an error that says why; when the port is taken, by whom. */
export async function explainListening(error: unknown, host: string, port: number): Promise<unknown> {
  const what = `Portolan cannot listen on ${host}:${port}`;
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return taken(what, port, error);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new PortolanError(
        'invalid-request',
        `${what}: this machine has no such address. Name another with --host.`,
      );
    case 'EACCES':
      return new PortolanError('forbidden', `${what}: this user may not use that port. Choose another with --port.`);
    default:
      return error;
  }
}

function systemCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code, syscall } = at as NodeJS.ErrnoException;
    if (syscall === 'listen' || syscall === 'getaddrinfo') return code;
  }
  return undefined;
}

async function taken(what: string, port: number, cause: unknown): Promise<PortolanError> {
  const [occupant] = await occupantsOf(port);
  const who = occupant ? `taken by ${describe(occupant)}` : 'taken by a process that this user cannot see';
  return new PortolanError(
    'port-taken',
    `${what}: it is ${who}. End that one, or choose another port with --port.`,
    {
      port,
      ...(occupant?.process && { pid: occupant.process.pid }),
      ...(occupant?.identity && { owner: occupant.identity.service }),
    },
    { cause },
  );
}

/** Who listens on a port of this machine, as far as this user can see. */
export async function occupantsOf(port: number, protocol: Listener['protocol'] | 'any' = 'tcp'): Promise<Listener[]> {
  try {
    const { listeners } = await createScanner({ allNamespaces: false }).scan();
    return listeners.filter((each) => each.port === port && (protocol === 'any' || each.protocol === protocol));
  } catch {
    return [];
  }
}

export function describe({ process, container }: Pick<Listener, 'process' | 'container'>): string {
  if (container?.name) return `container ${plain(container.name)}`;
  if (!process) return 'a process that this user cannot see';
  return `pid ${process.pid} (${plain(process.commandLine || process.command)})`;
}
