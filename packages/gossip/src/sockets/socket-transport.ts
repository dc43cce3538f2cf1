import type { Address, Transport } from '../transport.ts';
import { type AllowList, createAllowList } from './allow-list.ts';
import { Datagrams } from './datagrams.ts';
import { Streams } from './streams.ts';
import { noTraffic, type Traffic } from './traffic.ts';

export interface SocketOptions {
  /** An IP address; `::` takes both families. */
  readonly host: string;
  /** 0 for any that is free, by packets and streams alike. */
  readonly port: number;
  /** From where streams are taken; all when left out. */
  readonly allow?: AllowList;
  /** Incoming streams at once; 128 unless told otherwise. */
  readonly connections?: number;
  /** For a whole incoming exchange, ms; 10,000 unless told otherwise. */
  readonly timeout?: number;
}

export interface SocketTransport extends Transport {
  readonly traffic: Readonly<Traffic>;
}

/** How often a pair of free ports is looked for. */
const ATTEMPTS = 20;

/**
 * UDP and TCP on one port.
 *
 * @throws Error of the system, such as EADDRINUSE
 */
export async function createSocketTransport(options: SocketOptions): Promise<SocketTransport> {
  const traffic = noTraffic();
  const { streams, datagrams } = await bindPair(options, traffic);
  return {
    traffic,
    address: streams.address,
    receive(receiver) {
      streams.receive(receiver);
      datagrams.receive((bytes, from) => receiver.packet(bytes, from));
    },
    send: (packet, to, failed) => datagrams.send(packet, to, failed),
    exchange: (to, request, measure, timeout) => streams.exchange(to, request, measure, timeout),
    deliver: (to, request, timeout) => streams.deliver(to, request, timeout),
    async close() {
      await Promise.all([streams.close(), datagrams.close()]);
    },
  };
}

async function bindPair(options: SocketOptions, traffic: Traffic): Promise<{ streams: Streams; datagrams: Datagrams }> {
  const { host, port, allow = createAllowList([]), connections = 128, timeout = 10_000 } = options;
  for (let attempt = 1; ; attempt++) {
    const streams = await Streams.listen({ host, port }, traffic, allow, { connections, timeout });
    try {
      const at: Address = { host, port: streams.address.port };
      return { streams, datagrams: await Datagrams.bind(at, traffic) };
    } catch (error) {
      await streams.close();
      // The kernel chose a port that is free for TCP; it may be taken for UDP.
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (port !== 0 || !taken || attempt === ATTEMPTS) throw error;
    }
  }
}
