import type { PortolanClient } from '@portolan/client';
import { type Assignment, type HostListener, serviceId } from '@portolan/model';
import { plain } from './output.ts';

/** Of more ports than a person reads about, nothing is asked. */
const PORTS_MAX = 20;

/** What a person has to know of ports that were released while somebody still uses them: a sentence for each. */
export async function stillUsed(client: PortolanClient, released: readonly Assignment[]): Promise<string[]> {
  const told = await Promise.all(
    released.slice(0, PORTS_MAX).map(async (assignment) => {
      const { listeners } = await client.port(assignment.port, { protocol: assignment.protocol });
      const own = listeners.filter(({ identity }) => identity?.service === serviceId(assignment.endpoint));
      return sentence(assignment, own.find(({ identity }) => identity?.holder === 'alive') ?? own[0]);
    }),
  );
  return told.filter((each) => each !== undefined);
}

function sentence({ port, lease, holder }: Assignment, listener: HostListener | undefined): string | undefined {
  const who = listener?.process ? `pid ${listener.process.pid} (${plain(listener.process.command)})` : 'its process';
  const end = `"portolan kill ${port}" ends it`;
  if (listener?.identity?.holder === 'alive') {
    return `${who} still listens on ${port}, and the "portolan run" that started it takes the port back within its lease: ${end}`;
  }
  if (listener) return `${who} still listens on ${port}: ${end}`;
  if (!lease || holder === undefined) return undefined;
  return `${port} was held by ${plain(holder)}: if that still runs, it takes the port back`;
}
