import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Listener, Protocol } from '@portolan/model';

export interface Unavailable {
  readonly port: number;
  /** `EADDRINUSE`, `EACCES`: as the system says. */
  readonly reason: string;
}

/**
 * Tries which ports cannot be bound, on all IPv4 and on all IPv6 addresses of the agent's namespace, and lets go of
 * them at once. It finds what no listing shows: sockets that are bound but do not listen, and the local ends of
 * outgoing connections.
 */
export async function probe(protocol: Protocol, ports: readonly number[]): Promise<Unavailable[]> {
  const unavailable: Unavailable[] = [];
  for (const port of ports) {
    const reason = (await tryBind(protocol, '0.0.0.0', port)) ?? (await tryBind(protocol, '::', port));
    if (reason) unavailable.push({ port, reason });
  }
  return unavailable;
}

/** Whether a socket with just this address can be bound. A port that this user may not bind counts as free. */
export async function canBind(wanted: Pick<Listener, 'protocol' | 'address' | 'port' | 'v6only'>): Promise<boolean> {
  const { protocol, address, port, v6only } = wanted;
  return (await tryBind(protocol, address, port, v6only === true)) !== 'EADDRINUSE';
}

/** A machine without IPv6 cannot be asked about it. */
const notConcerned = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);

function tryBind(
  protocol: Protocol,
  address: string,
  port: number,
  ipv6Only = address === '::',
): Promise<string | null> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const reason = error.code ?? error.message.slice(0, 100);
      resolve(notConcerned.has(reason) ? null : reason);
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
