import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Address } from '../transport.ts';
import { plainHost } from './host.ts';
import type { Traffic } from './traffic.ts';

/** Asked of the kernel, so that a burst outlasts a busy moment of this process. It may give less. */
const RECEIVE_BUFFER = 2 * 2 ** 20;

/** Bytes that may wait for the kernel to take them; beyond that packets are lost, as on any full queue. */
const SEND_QUEUE = 4 * 2 ** 20;

/** What a send to a target that is down or cut off ends with. Any other failure is this machine's own. */
const UNREACHABLE = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ECONNREFUSED', 'EPERM', 'EACCES']);

/** The packets of a node: one UDP socket. */
export class Datagrams {
  readonly #socket: Socket;
  readonly #traffic: Traffic;
  readonly #mapped: boolean;
  #closed = false;

  private constructor(socket: Socket, traffic: Traffic, mapped: boolean) {
    this.#socket = socket;
    this.#traffic = traffic;
    this.#mapped = mapped;
    socket.on('error', () => traffic.socketErrors++);
  }

  /** @throws Error of the system, such as EADDRINUSE */
  static async bind({ host, port }: Address, traffic: Traffic): Promise<Datagrams> {
    const wide = isIPv6(host);
    const socket = createSocket({
      type: wide ? 'udp6' : 'udp4',
      // All that comes here is an address already; the usual way asks the resolver each time, a turn of the loop later.
      lookup: (address, _options, done) => done(null, address, wide ? 6 : 4),
    });
    try {
      const listening = once(socket, 'listening');
      socket.bind({ address: host, port, exclusive: true });
      await listening;
    } catch (error) {
      socket.close();
      throw error;
    }
    growReceiveBuffer(socket);
    return new Datagrams(socket, traffic, wide);
  }

  receive(packet: (bytes: Uint8Array, from: Address) => void): void {
    this.#socket.on('message', (bytes, { address, port }) => {
      this.#traffic.packetsIn++;
      this.#traffic.packetBytesIn += bytes.length;
      packet(bytes, { host: plainHost(address), port });
    });
  }

  send(packet: Uint8Array, to: Address, failed?: (reason: 'unreachable' | 'local') => void): void {
    const lost = (reason: 'unreachable' | 'local') => {
      this.#traffic.packetsFailed++;
      failed?.(reason);
    };
    if (this.#closed || this.#socket.getSendQueueSize() > SEND_QUEUE) {
      lost('local');
      return;
    }
    const host = this.#mapped && !isIPv6(to.host) ? `::ffff:${to.host}` : to.host;
    try {
      this.#socket.send(packet, to.port, host, (error) => {
        if (error) {
          lost(UNREACHABLE.has((error as NodeJS.ErrnoException).code ?? '') ? 'unreachable' : 'local');
          return;
        }
        this.#traffic.packetsOut++;
        this.#traffic.packetBytesOut += packet.length;
      });
    } catch {
      // It is no port or no address.
      lost('local');
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.removeAllListeners('message');
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

function growReceiveBuffer(socket: Socket): void {
  for (let size = RECEIVE_BUFFER; size >= 2 ** 16; size /= 2) {
    try {
      socket.setRecvBufferSize(size);
      return;
    } catch {
      // Some systems refuse what is over their limit; Linux gives what it allows.
    }
  }
}
