import type { Socket } from 'node:net';
import { PortolanError } from '@portolan/model';
import { closestTo, endAt, listenersOn, type SocketAddress } from './socket-table.ts';
import { isTrusted, trustAdvice, trustsAnybody, userName } from './trusted-user.ts';

/** What the other end is asked as: a coordinator, or the local API of this machine's agent. */
export type Whose = 'coordinator' | 'agent';

/**
 * Makes sure whose program is at the other end of a connection within this machine, before anything is sent. While a
 * coordinator is down anybody here may take its port, and would be shown the tokens of all who come back.
 *
 * The kernel tells the user of each socket. Two are looked at, after the connection stands:
 *
 * - whoever listens there. A connection that nobody has accepted yet is shown with the user 0, so the listener must be
 *   looked at; the one with the closest address gets the connections, and no two users can share an address and port.
 * - the other end of this very connection. Who accepted it may have closed the listener since, and somebody else may listen
 *   there now; its own end it cannot hide. This needs a look through all connections of the machine, and is left out
 *   where the same listener was there before the connection was made: then it cannot be anybody else's.
 *
 * When there is neither, the other end is in another network: a port that the kernel forwards to a container or, in WSL, to
 * another machine. Only root can have that set up. So it is let through, as it would be for another machine. A listener that
 * went away while its end of the connection stays is refused, whoever's it is: a coordinator that stops does no more.
 */
export interface Lookout {
  /** @throws PortolanError `stranger` */
  check(connected: Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>): Promise<void>;
}

/** To be called before the connection is made. Off Linux nothing is looked at. */
export async function lookout(port: number, whose: Whose = 'coordinator'): Promise<Lookout> {
  if (process.platform !== 'linux' || trustsAnybody()) return { check: async () => {} };
  const before = new Set((await listenersOn(port).catch(() => [])).map(({ inode }) => inode));
  return {
    async check({ localAddress, localPort, remoteAddress, remotePort }) {
      if (!localAddress || !localPort || !remoteAddress || !remotePort) throw lost('the connection was closed at once');
      const there = { address: remoteAddress, port: remotePort };
      if (!isWithin(localAddress, remoteAddress)) return;
      await judge(there, { address: localAddress, port: localPort }, before, whose);
    },
  };
}

async function judge(
  there: SocketAddress,
  here: SocketAddress,
  before: ReadonlySet<string>,
  whose: Whose,
): Promise<void> {
  const { rows, family } = closestTo(there.address, await looked(there, () => listenersOn(there.port)));
  for (const { uid } of rows) await refuseStranger(uid, there, whose);
  if (family === 'sure' && rows.every(({ inode }) => before.has(inode))) return;
  const end = await looked(there, () => endAt(there, here));
  if (!end) return;
  await refuseStranger(end.uid, there, whose);
  if (rows.length === 0) throw lost(`${written(there)} no longer listens`);
}

/** Connections within this machine have one address at both ends, or loopback ones. */
function isWithin(local: string, remote: string): boolean {
  return local === remote || /^(::ffff:)?127\./.test(remote) || remote === '::1';
}

async function refuseStranger(uid: number, at: SocketAddress, whose: Whose): Promise<void> {
  if (await isTrusted(uid)) return;
  const user = await userName(uid);
  const { value, why } = await trustAdvice(user);
  throw new PortolanError(
    'stranger',
    `${written(at)} is held by the user ${user} (uid ${uid}), not by you or root, so the token was not shown. ` +
      `If that is your ${whose}, set PORTOLAN_TRUST_USER=${value}${why ? `: ${why}` : ''}`,
    { ...at, uid, trust: value, mayHaveBeenDone: false },
  );
}

async function looked<T>(at: SocketAddress, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    throw new PortolanError(
      'stranger',
      `Whose ${written(at)} is cannot be told: ${(error as Error).message}. So the token was not shown. ` +
        'Where /proc cannot be read, PORTOLAN_TRUST_USER=* does without this',
      { ...at, mayHaveBeenDone: false },
      { cause: error },
    );
  }
}

function lost(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNREFUSED' });
}

function written({ address, port }: SocketAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
