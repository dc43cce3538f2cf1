import { createScanner } from '@portolan/agent';
import { type Listener, PortolanError } from '@portolan/model';
import { plain } from './output.ts';

/** A start that failed because the port is taken becomes an error that says by whom; others stay as they are. */
export async function describeOccupant(error: unknown, host: string, port: number): Promise<unknown> {
  if (!isAddressInUse(error)) return error;
  const occupant = await find(port);
  const who = occupant ? `taken by ${describe(occupant)}` : 'taken by a process that this user cannot see';
  return new PortolanError(
    'port-taken',
    `Portolan cannot listen on ${host}:${port}: it is ${who}. End that one, or choose another port with --port.`,
    {
      port,
      ...(occupant?.process && { pid: occupant.process.pid }),
      ...(occupant?.identity && { owner: occupant.identity.service }),
    },
    { cause: error },
  );
}

function isAddressInUse(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ((at as NodeJS.ErrnoException).code === 'EADDRINUSE') return true;
  }
  return false;
}

async function find(port: number): Promise<Listener | undefined> {
  try {
    const { listeners } = await createScanner({ allNamespaces: false }).scan();
    return listeners.find((each) => each.protocol === 'tcp' && each.port === port);
  } catch {
    return undefined;
  }
}

function describe({ process, container }: Pick<Listener, 'process' | 'container'>): string {
  if (container?.name) return `container ${plain(container.name)}`;
  if (!process) return 'a process that this user cannot see';
  return `pid ${process.pid} (${plain(process.commandLine || process.command)})`;
}
