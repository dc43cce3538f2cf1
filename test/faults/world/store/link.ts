import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from './redis.ts';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  /** It has committed; what it reads of the log besides is no feed. */
  commits: boolean;
  /** It reads the log and nothing else: the coordinator's copy is fed by it. */
  feed: boolean;
  /** What Redis tells is held up on it. */
  held: boolean;
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
  /** What Redis tells of the log is held up, whatever connection it is asked on. */
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
    const pair: Pair = { client, upstream, commits: false, feed: false, held: false };
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
      if (!down) recognize(pair, data);
      const arrived = performance.now();
      sent = sent.then(async () => {
        const holds = () => this.hole || (down && (pair.held || (this.feedHole && pair.feed)));
        while (holds() && !to.destroyed) await sleep(10);
        const late = this.delay + (down ? (pair.feed ? this.feedDelay : this.commitDelay) : 0);
        const wait = arrived + late - performance.now();
        if (wait > 1) await sleep(wait);
        if (!to.destroyed) to.write(data);
      });
    });
  }

  /** Holds up the feed that there is, or goes on with it. Whoever reads the log on another connection finds it as it is. */
  holdFeed(held: boolean): void {
    for (const pair of this.#pairs) pair.held = held && pair.feed;
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

function recognize(pair: Pair, sent: Buffer): void {
  const text = sent.subarray(0, 256).toString('latin1');
  if (/evalsha/i.test(text)) pair.commits = true;
  pair.feed = !pair.commits && (pair.feed || /xread/i.test(text));
}
