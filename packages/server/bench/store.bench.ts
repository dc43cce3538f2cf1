import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis } from '../../../test/support/redis.ts';
import { openRedisStore } from '../src/store/redis-store.ts';
import { openSqliteStore } from '../src/store/sqlite-store.ts';
import type { Store, Transaction } from '../src/store/store.ts';

/*
 * Reservations a second through the stores, beside the plain way to do it: one EVALSHA of a minimal script for each
 * (is it absent? then set it, count up, append to a stream), which checks and writes less than ours. 200 in flight in
 * all. All take turns on one machine, in several rounds; the median counts. Read the ratios, not the figures.
 */

const IN_FLIGHT = 200;
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const PER_ROUND = Number(process.env.PER_ROUND ?? 20_000);

interface Contender {
  readonly name: string;
  /** The contender that the ratio is against. */
  readonly rival?: string;
  run(total: number): Promise<void>;
}

const BARE = `
  if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  local revision = redis.call('HINCRBY', KEYS[2], 'revision', 1)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'key', ARGV[1], 'value', ARGV[2])
  return revision`;

let counter = 0;

function reservation(): { key: string; value: string; udp: string; endpoint: string; lease: string; port: number } {
  const number = counter++;
  const port = 1 + (number % 65_535);
  const lease = randomBytes(9).toString('base64url');
  const value = JSON.stringify({
    protocol: 'tcp',
    port,
    endpoint: { project: 'mana', service: `service-${number}`, label: 'api', instance: 1 },
    lease: { id: lease, ttl: 60 },
    purpose: 'serves the fleet',
    holder: 'user@host.example',
    grantedAt: new Date().toISOString(),
  });
  return {
    key: `assignment/tcp/${number}`,
    udp: `assignment/udp/${number}`,
    endpoint: `endpoint/mana/service-${number}:api/tcp`,
    value,
    lease,
    port,
  };
}

function transaction(): Transaction {
  const { key, udp, endpoint, value, lease, port } = reservation();
  return {
    alternatives: [
      {
        conditions: [key, udp, endpoint].map((each) => ({ key: each, version: null })),
        puts: [
          { key, value },
          { key: endpoint, value: JSON.stringify({ port }) },
        ],
        deletes: [],
        leases: [{ id: lease, ttl: 60_000 }],
      },
    ],
  };
}

async function inFlight(total: number, lanes: number, step: number, work: () => Promise<unknown>): Promise<void> {
  let left = total;
  const lane = async () => {
    while (left > 0) {
      left -= step;
      await work();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

function storeContender(name: string, rival: string, store: Store, size: number): Contender {
  return {
    name: `${name}, groups of ${size}`,
    rival,
    run: (total) =>
      inFlight(total, Math.max(1, IN_FLIGHT / size), size, async () => {
        const { outcomes } = await store.commit(Array.from({ length: size }, transaction));
        if (!outcomes.every(({ applied }) => applied)) throw new Error('a reservation was refused');
      }),
  };
}

function bareContender(name: string, redis: Redis): Contender {
  redis.defineCommand('reserve', { numberOfKeys: 3, lua: BARE });
  const { reserve } = redis as unknown as { reserve(...args: string[]): Promise<unknown> };
  return {
    name,
    run: (total) =>
      inFlight(total, IN_FLIGHT, 1, () => {
        const { key, value } = reservation();
        return reserve.call(redis, '{bare}kv', '{bare}meta', '{bare}log', key, value);
      }),
  };
}

const folder = await mkdtemp(join(tmpdir(), 'portolan-bench-'));
const contenders: Contender[] = [];
const closing: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })];

for (const [level, persistence] of [
  ['memory', 'none'],
  ['AOF always', 'aof'],
] as const) {
  const server = await startRedis({ persistence });
  closing.unshift(() => server.stop());
  const bare = `bare EVALSHA, ${level}`;
  for (const enableAutoPipelining of [false, true]) {
    const redis = new Redis(server.url, { enableAutoPipelining });
    closing.unshift(() => redis.disconnect());
    contenders.push(bareContender(enableAutoPipelining ? `${bare}, autopipelining` : bare, redis));
  }
  const store = await openRedisStore({ url: server.url });
  closing.unshift(() => store.close());
  for (const size of [1, 50, 200]) contenders.push(storeContender(`Redis, ${level}`, bare, store, size));
}
const sqlite = await openSqliteStore({ path: join(folder, 'bench.db') });
closing.unshift(() => sqlite.close());
for (const size of [1, 50, 200]) {
  contenders.push(storeContender('SQLite, synchronous full', 'bare EVALSHA, AOF always', sqlite, size));
}

const rates = new Map(contenders.map(({ name }) => [name, [] as number[]]));
for (let round = 0; round <= ROUNDS; round++) {
  for (const { name, run } of contenders) {
    const began = performance.now();
    await run(PER_ROUND);
    // The first round only warms up.
    if (round > 0) rates.get(name)?.push((PER_ROUND / (performance.now() - began)) * 1000);
  }
}
for (const close of closing) await close();

for (const { name, rival } of contenders) {
  const ratio = rival ? `${(medianOf(name) / medianOf(rival)).toFixed(2)} x ${rival}` : '';
  console.log(`${name.padEnd(42)} ${Math.round(medianOf(name)).toLocaleString('en').padStart(9)} tx/s  ${ratio}`);
}

function medianOf(name: string): number {
  const sorted = (rates.get(name) ?? []).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
