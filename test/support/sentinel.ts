import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { type RedisOptions, startRedis, startSentinel, type TestRedis } from './redis.ts';

export interface SentinelGroup {
  /** `redis+sentinel://…` */
  readonly url: string;
  /** All servers, the first primary first. */
  readonly servers: readonly TestRedis[];
  readonly sentinels: readonly TestRedis[];
  /** The port of the server that the first sentinel takes for the primary. */
  primaryPort(): Promise<number>;
  stop(): Promise<void>;
}

/** How long a primary is silent until the sentinels take it for down, ms. */
const DOWN_AFTER = 1000;
const PATIENCE = { timeout: 60_000, interval: 50 };

/** A primary, two replicas and three sentinels, which are all in touch; on loopback, as processes. */
export async function startSentinelGroup(options: RedisOptions = {}): Promise<SentinelGroup> {
  const started: TestRedis[] = [];
  const stop = async () => {
    await Promise.all(started.map((each) => each.stop()));
  };
  const keep = (server: TestRedis) => {
    started.push(server);
    return server;
  };
  try {
    const primary = keep(await startRedis({ ...options, asProcess: true }));
    const replicaArgs = ['--replicaof', '127.0.0.1', String(primary.port), ...(options.args ?? [])];
    const replica = async () => keep(await startRedis({ ...options, args: replicaArgs, asProcess: true }));
    const servers = [primary, ...(await Promise.all([replica(), replica()]))];
    await untilInfo(primary.url, /connected_slaves:2\r/);
    const sentinel = async () =>
      keep(
        await startSentinel(() => [
          `sentinel monitor harbour 127.0.0.1 ${primary.port} 2`,
          `sentinel down-after-milliseconds harbour ${DOWN_AFTER}`,
          'sentinel failover-timeout harbour 5000',
        ]),
      );
    const sentinels = await Promise.all([sentinel(), sentinel(), sentinel()]);
    for (const { url } of sentinels) await untilInfo(url, /slaves=2,sentinels=3/);
    const nodes = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return {
      url: `redis+sentinel://${nodes}/harbour`,
      servers,
      sentinels,
      primaryPort: () =>
        asked((sentinels[0] as TestRedis).url, async (redis) => {
          const address = (await redis.call('SENTINEL', 'get-master-addr-by-name', 'harbour')) as [string, string];
          return Number(address[1]);
        }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function untilInfo(url: string, pattern: RegExp): Promise<void> {
  return asked(url, (redis) =>
    vi.waitFor(async () => {
      const info = await redis.info();
      if (!pattern.test(info)) throw new Error(`${url} does not say ${pattern}: ${info}`);
    }, PATIENCE),
  );
}

async function asked<T>(url: string, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { enableReadyCheck: false });
  redis.on('error', () => {});
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}
