import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf, unmapped } from './address.ts';

/** How a connection is known, over TLS as in the clear: there, one socket lies in the other. */
type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/**
 * The connections by which no good token came yet. Those of one network may be half of all that there may be. Beyond that the
 * oldest one has to go: so who is silent keeps nobody out, not of its own network either, since whoever has a token shows it
 * at once.
 */
export class Lobby {
  readonly #most: number;
  /** By network, oldest first. */
  readonly #strangers = new Map<string, Map<string, Socket>>();
  readonly #isProxy: (address: string) => boolean;

  /** @param connections that there may be @param isProxy whether an address is that of a proxy, behind which all may be */
  constructor(connections: number, isProxy: (address: string) => boolean = () => false) {
    this.#most = Math.max(1, Math.floor(connections / 2));
    this.#isProxy = isProxy;
  }

  follow(server: Server): void {
    server.on('connection', (socket: Socket) => this.#enter(socket));
  }

  /** A good token came by a connection, or it is counted elsewhere from now on. */
  admit(peer: Peer): void {
    const network = networkOf(peer.remoteAddress === undefined ? null : unmapped(peer.remoteAddress));
    const strangers = this.#strangers.get(network);
    if (strangers?.delete(nameOf(peer)) && strangers.size === 0) this.#strangers.delete(network);
  }

  #enter(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || this.#isProxy(remoteAddress)) return;
    const network = networkOf(unmapped(remoteAddress));
    const strangers = this.#strangers.get(network) ?? new Map<string, Socket>();
    this.#strangers.set(network, strangers.set(nameOf(socket), socket));
    // A closed socket has forgotten where it came from.
    socket.once('close', () => {
      if (strangers.get(nameOf({ remoteAddress, remotePort })) === socket) this.admit({ remoteAddress, remotePort });
    });
    if (strangers.size <= this.#most) return;
    const [oldest] = strangers;
    strangers.delete(oldest![0]);
    oldest![1].destroy();
  }
}

function nameOf({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress} ${remotePort}`;
}
