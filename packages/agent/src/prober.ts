import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Listener, Protocol } from '@portolan/model';

export interface Unavailable {
  readonly port: number;
  /** `EADDRINUSE`, `EACCES`: as the system says. */
  readonly reason: string;
}

/** How many ports are tried at once: each takes a file descriptor. */
const TOGETHER = 32;

/**
 * Tries which ports cannot be bound, on all IPv4 and on all IPv6 addresses of the agent's namespace, and lets go of
 * them at once. It finds what no listing shows: sockets that are bound but do not listen, and the local ends of
 * outgoing connections.
 *
 * @throws when this process may open no more sockets, so that nothing can be told
 */
export function probe(protocol: Protocol, ports: readonly number[]): Promise<Unavailable[]> {
  return inTurn(async () => {
    const unavailable: Unavailable[] = [];
    const distinct = [...new Set(ports)];
    for (let from = 0; from < distinct.length; from += TOGETHER) {
      const together = distinct.slice(from, from + TOGETHER);
      const reasons = await Promise.all(
        together.map(
          async (port) => (await tryBind(protocol, '0.0.0.0', port)) ?? (await tryBind(protocol, '::', port)),
        ),
      );
      for (const [i, reason] of reasons.entries()) if (reason) unavailable.push({ port: together[i]!, reason });
    }
    return unavailable;
  });
}

/** Whether a socket with just this address can be bound. A port that this user may not bind counts as free. */
export async function canBind(wanted: Pick<Listener, 'protocol' | 'address' | 'port' | 'v6only'>): Promise<boolean> {
  const { protocol, address, port, v6only } = wanted;
  return (await inTurn(() => tryBind(protocol, address, port, v6only === true))) !== 'EADDRINUSE';
}

let last: Promise<unknown> = Promise.resolve();

/** One after the other: two tries of one port at once would each be refused because of the other. */
function inTurn<T>(look: () => Promise<T>): Promise<T> {
  const turn = last.then(look);
  last = turn.catch(() => {});
  return turn;
}

/** A machine without IPv6 cannot be asked about it. */
const notConcerned = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);
/** What is said of this process, and not of the port. */
const ownTrouble = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

function tryBind(
  protocol: Protocol,
  address: string,
  port: number,
  ipv6Only = address === '::',
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const reason = error.code ?? error.message.slice(0, 100);
      if (ownTrouble.has(reason)) reject(error);
      else resolve(notConcerned.has(reason) ? null : reason);
    };
    if (protocol === 'tcp') {
      // Whoever connects in this moment is turned away.
      const server = createServer((connection) => connection.destroy());
      server.once('error', failed);
      server.listen({ port, host: address, exclusive: true, ipv6Only }, () => {
        server.close(() => resolve(null));
      });
    } else {
      const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', ipv6Only });
      socket.once('error', (error) => {
        socket.close();
        failed(error);
      });
      socket.bind({ port, address, exclusive: true }, () => socket.close(() => resolve(null)));
    }
  });
}
