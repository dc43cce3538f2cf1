import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from './redis.ts';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  /** It has read the log: the coordinator's copy is fed by it. */
  feed: boolean;
}

/** Stands between a coordinator and its Redis, and delays, holds up and cuts what goes through. Delays are in ms. */
export class Link implements Address {
  readonly host = '127.0.0.1';
  readonly #target: Address;
  readonly #pairs = new Set<Pair>();
  readonly #server: Server;
  /** Either way. */
  delay = 0;
  /** Nothing gets through, either way, until it is mended. */
  hole = false;
  /** What Redis tells of the log is held up. */
  feedHole = false;
  /** What Redis tells of the log comes late. */
  feedDelay = 0;
  /** What Redis answers to anything else comes late. */
  commitDelay = 0;

  constructor(target: Address) {
    this.#target = target;
    this.#server = createServer((client) => this.#pair(client));
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, this.host, resolve));
    return this;
  }

  #pair(client: Socket): void {
    const upstream = connect(this.#target.port, this.#target.host);
    const pair: Pair = { client, upstream, feed: false };
    this.#pairs.add(pair);
    const end = () => {
      client.destroy();
      upstream.destroy();
      this.#pairs.delete(pair);
    };
    for (const each of [client, upstream]) each.setNoDelay(true).on('error', end).on('close', end);
    this.#pipe(pair, client, upstream);
    this.#pipe(pair, upstream, client);
  }

  #pipe(pair: Pair, from: Socket, to: Socket): void {
    const down = to === pair.client;
    let sent = Promise.resolve();
    from.on('data', (data: Buffer) => {
      if (!down && /xread/i.test(data.subarray(0, 64).toString('latin1'))) pair.feed = true;
      const arrived = performance.now();
      sent = sent.then(async () => {
        while ((this.hole || (this.feedHole && pair.feed && down)) && !to.destroyed) await sleep(10);
        const late = this.delay + (down ? (pair.feed ? this.feedDelay : this.commitDelay) : 0);
        const wait = arrived + late - performance.now();
        if (wait > 1) await sleep(wait);
        if (!to.destroyed) to.write(data);
      });
    });
  }

  /** Resets connections: all, or those that `which` chooses. */
  cut(which: () => boolean = () => true): void {
    for (const { client, upstream } of [...this.#pairs].filter(which)) {
      client.resetAndDestroy();
      upstream.destroy();
    }
  }

  stop(): void {
    this.cut();
    this.#server.close();
  }
}
