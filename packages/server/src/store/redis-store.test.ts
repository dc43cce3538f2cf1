import { ORIGIN, type Position } from '@portolan/model';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startRedis, type TestRedis } from '../../../../test/support/redis.ts';
import { fleetKeys } from './redis-keys.ts';
import { openRedisStore, type RedisStoreOptions } from './redis-store.ts';
import { changesUpTo, contents, lease, put, storeContract, values } from './store.contract.ts';
import type { Change, Store } from './store.ts';

const SLOW = { timeout: 60_000, interval: 20 };
let fleets = 0;

storeContract('the Redis store', async () => {
  const redis = await startRedis({ persistence: 'aof' });
  return {
    async open(options) {
      const fleet = `contract-${fleets++}`;
      const stores = [
        await openRedisStore({ url: redis.url, fleet, ...options }),
        await openRedisStore({ url: redis.url, fleet, ...options }),
      ];
      return {
        store: stores[0] as Store,
        rival: stores[1] as Store,
        async reopen() {
          await redis.kill();
          await redis.restart();
          const again = await openRedisStore({ url: redis.url, fleet, ...options });
          stores.push(again);
          return again;
        },
        async close() {
          for (const store of stores) await store.close();
        },
      };
    },
    dispose: () => redis.stop(),
  };
});

let redis: TestRedis;
const cleanup: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  redis = await startRedis();
}, 60_000);
afterEach(async () => {
  for (const each of cleanup.splice(0).reverse()) await each();
});
afterAll(() => redis?.stop());

async function open(options: Partial<RedisStoreOptions> = {}): Promise<Store> {
  const store = await openRedisStore({ url: redis.url, fleet: `fleet-${fleets++}`, ...options });
  cleanup.push(() => store.close());
  return store;
}

async function start(options: Parameters<typeof startRedis>[0] = {}): Promise<TestRedis> {
  const server = await startRedis(options);
  cleanup.push(() => server.stop());
  return server;
}

function client(server: TestRedis): Redis {
  const connection = new Redis(server.url);
  // A test may kill the server under it.
  connection.on('error', () => {});
  cleanup.push(async () => connection.disconnect());
  return connection;
}

async function startReplica(primary: TestRedis): Promise<TestRedis> {
  const replica = await start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
  const probe = client(replica);
  await vi.waitFor(async () => expect(await probe.info('replication')).toContain('master_link_status:up'), SLOW);
  return replica;
}

test('fleets on one Redis share nothing', async () => {
  const one = await open();
  const other = await open();
  await one.commit([put('a', '1')]);
  expect(await values(other)).toEqual({});
});

test('the level of acknowledgement is what the Redis can give', async () => {
  expect((await open()).acknowledgement).toBe('memory');
  await expect(open({ acknowledgement: 'disk' })).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('appendonly yes'),
  });
  const lasting = await start({ persistence: 'aof' });
  expect((await open({ url: lasting.url })).acknowledgement).toBe('disk');
  expect((await open({ url: lasting.url, acknowledgement: 'memory' })).acknowledgement).toBe('memory');
  await startReplica(lasting);
  const replicated = await open({ url: lasting.url });
  await vi.waitFor(async () => {
    expect((await replicated.commit([put('a', '1')])).acknowledgement).toBe('replicas:1');
  }, SLOW);
});

test('the level follows replicas as they come and go, and a lowered one says so', { timeout: 60_000 }, async () => {
  const lasting = await start({ persistence: 'aof' });
  const store = await open({ url: lasting.url });
  expect(await store.commit([put('a', '1')])).toMatchObject({ acknowledgement: 'disk' });
  expect(store.lowered).toBeNull();
  const first = await startReplica(lasting);
  const acknowledged = (level: string) =>
    vi.waitFor(async () => expect((await store.commit([put('a', '1')])).acknowledgement).toBe(level), SLOW);
  await acknowledged('replicas:1');
  await startReplica(lasting);
  await acknowledged('replicas:2');
  await vi.waitFor(() => expect(store).toMatchObject({ acknowledgement: 'replicas:2', lowered: null }), SLOW);

  await first.kill();
  // Until it is given up nothing is acknowledged that it may lack.
  const level = await store.commit([put('a', '2')]).then(
    ({ acknowledgement }) => acknowledgement,
    ({ code }) => code,
  );
  expect(['durability-unknown', 'replicas:2']).toContain(level);
  await acknowledged('replicas:1');
  expect(store.lowered).toContain(`127.0.0.1:${first.port} is not connected`);
  await first.restart();
  await acknowledged('replicas:2');
  await vi.waitFor(() => expect(store.lowered).toBeNull(), SLOW);
});

test('a Redis that no longer writes to disk is not taken for one that does', { timeout: 60_000 }, async () => {
  const server = await start({ persistence: 'aof' });
  const lookEvery = 200;
  const followed = await open({ url: server.url, lookEvery });
  const strict = await open({ url: server.url, acknowledgement: 'disk', lookEvery });
  const config = (...words: string[]) => client(server).call('CONFIG', 'SET', ...words);
  for (const [setting, off, on] of [
    ['no-appendfsync-on-rewrite', 'yes', 'no'],
    ['appendfsync', 'everysec', 'always'],
    ['appendonly', 'no', 'yes'],
  ] as const) {
    await config(setting, off);
    await vi.waitFor(async () => {
      expect(await followed.commit([put('a', '1')])).toMatchObject({ acknowledgement: 'memory' });
      expect(followed.lowered).toContain('append-only file');
      await expect(strict.commit([put('b', '1')])).rejects.toMatchObject({ code: 'store-unavailable' });
    }, SLOW);
    await config(setting, on);
    await vi.waitFor(async () => {
      expect(await followed.commit([put('a', '1')])).toMatchObject({ acknowledgement: 'disk' });
      expect(await strict.commit([put('b', '1')])).toMatchObject({ acknowledgement: 'disk' });
    }, SLOW);
  }
  expect(followed.lowered).toBeNull();
});

test('replicas of a primary that keeps nothing are not relied on', async () => {
  const server = await start();
  await startReplica(server);
  const store = await open({ url: server.url });
  await vi.waitFor(() => expect(store.lowered).toContain('copy its empty state'), SLOW);
  expect(await store.commit([put('a', '1')])).toMatchObject({ acknowledgement: 'memory' });
});

test('a commit that too few replicas confirm is unknown, not failed', async () => {
  const told: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void told.push(line) });
  const store = await open({ acknowledgement: 'replicas:1', waitTimeout: 50, logger });
  expect(told).toContainEqual(
    expect.stringMatching(/replicas:1.* was asked for, and 0 replicas are online: every write/),
  );
  for (const group of [[put('a', '1')], []]) {
    await expect(store.commit(group)).rejects.toMatchObject({ code: 'durability-unknown' });
  }
  expect(await values(store)).toEqual({ a: '1' });
});

test('goes on when Redis has forgotten the script', async () => {
  const store = await open();
  await client(redis).script('FLUSH');
  const groups = Array.from({ length: 5 }, (_, i) => store.commit([put(`k${i}`, '1')]));
  expect((await Promise.all(groups)).map(({ position }) => position.split('-')[0]).sort()).toEqual([
    '1',
    '2',
    '3',
    '4',
    '5',
  ]);
});

test('a Redis that is not there, or is a replica, is an error at once', async () => {
  const server = await start();
  const replica = await startReplica(server);
  await expect(open({ url: replica.url })).rejects.toMatchObject({ code: 'store-unavailable' });
  const store = await open({ url: server.url });
  await server.kill();
  await vi.waitFor(async () => {
    const began = performance.now();
    await expect(store.commit([put('a', '1')])).rejects.toMatchObject({ code: 'store-unavailable' });
    await expect(store.due(1)).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(performance.now() - began).toBeLessThan(1000);
  }, SLOW);
  await expect(open({ url: server.url })).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('ECONNREFUSED'),
  });
});

test('a connection lost before the answer leaves the commit unknown, and it is not sent again', async () => {
  const server = await start();
  const store = await open({ url: server.url });
  await client(server).client('PAUSE', 60_000, 'ALL');
  const pending = store.commit([put('a', '1')]).catch((error: unknown) => error);
  await server.kill();
  expect(await pending).toMatchObject({ code: 'durability-unknown' });
  await server.restart();
  await vi.waitFor(() => store.commit([]), SLOW);
  expect(await values(store)).toEqual({});
});

test('a restart begins a new epoch, and readers go on over it', async () => {
  const server = await start({ persistence: 'aof' });
  const store = await open({ url: server.url });
  const before = await store.commit([put('a', '1')]);
  const stop = new AbortController();
  cleanup.push(async () => stop.abort());
  const seen: Change[] = [];
  const reading = (async () => {
    for await (const batch of store.changes(ORIGIN, stop.signal)) seen.push(...batch);
  })();
  await vi.waitFor(() => expect(seen).toHaveLength(1), SLOW);
  await server.kill();
  await server.restart();
  const after = await vi.waitFor(() => store.commit([put('a', '2', { key: 'a', version: `${before.epoch}.1` })]), SLOW);
  expect(after.epoch).toBeGreaterThan(before.epoch);
  await vi.waitFor(() => expect(seen.map(({ epoch }) => epoch)).toEqual([before.epoch, after.epoch]), SLOW);
  stop.abort();
  await reading;
});

test('a restart that lost everything is noticed by readers, and old versions hold no more', async () => {
  const server = await start();
  const store = await open({ url: server.url });
  const before = await store.commit([put('a', '1')]);
  // Expected at once: it may come before the rest is done.
  const lost = expect(readOne(store, before.position)).rejects.toMatchObject({
    name: 'HistoryLostError',
    reason: 'diverged',
  });
  await server.kill();
  await server.restart();
  await lost;
  const after = await vi.waitFor(() => store.commit([put('a', '2', { key: 'a', version: `${before.epoch}.1` })]), SLOW);
  expect(after).toMatchObject({ outcomes: [{ applied: false }], position: ORIGIN });
  expect(after.epoch).toBeGreaterThan(before.epoch);
});

test('a promoted replica that missed commits is noticed, also when it has overtaken the reader', async () => {
  const primary = await start();
  const replica = await startReplica(primary);
  const [store, promoted] = [await open({ url: primary.url, fleet: 'f', acknowledgement: 'memory' }), client(replica)];
  const common = await store.commit([put('a', '1')]);
  await vi.waitFor(async () => expect(await promoted.hget(fleetKeys('f').kv, 'a')).not.toBeNull(), SLOW);
  await promoted.replicaof('NO', 'ONE');
  const missed = await store.commit([put('a', '2'), put('a', '3')]);

  const successor = await open({ url: replica.url, fleet: 'f' });
  await expect(readOne(successor, missed.position)).rejects.toMatchObject({ reason: 'diverged' });
  const fork = await successor.commit(Array.from({ length: 5 }, (_, i) => put('b', String(i))));
  expect(fork.epoch).toBeGreaterThan(missed.epoch);
  await expect(readOne(successor, missed.position)).rejects.toMatchObject({ reason: 'diverged' });
  expect(await changesUpTo(successor, common.position, fork.position)).toHaveLength(5);
});

test('a Redis that becomes the replica of another history under a reader does not fool it', async () => {
  const [old, other] = [await start(), await start()];
  const reader = await open({ url: old.url, fleet: 'f', acknowledgement: 'memory' });
  const rival = await open({ url: other.url, fleet: 'f', acknowledgement: 'memory' });
  const { position } = await reader.commit([put('a', '1')]);
  await rival.commit([put('a', 'other')]);
  // Expected at once: it may come before the rest is done.
  const lost = expect(readOne(reader, position)).rejects.toMatchObject({ name: 'HistoryLostError' });
  await client(old).replicaof('127.0.0.1', other.port);
  const writing = (async () => {
    for (let i = 0; i < 50; i++) await rival.commit([put('a', String(i))]);
  })();
  await lost;
  await writing;
  await expect(reader.commit([put('a', '2')])).rejects.toMatchObject({
    code: expect.stringMatching(/store-unavailable/),
  });
});

test('a fleet whose history is missing while its entries are there is refused', async () => {
  const store = await open({ fleet: 'torn' });
  await store.commit([put('a', '1')]);
  await client(redis).del(fleetKeys('torn').meta);
  await expect(store.commit([put('a', '2', { key: 'a', version: null })])).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('is missing'),
  });
});

test('out of memory, a commit is refused whole', async () => {
  const server = await start({ args: ['--maxmemory-policy', 'noeviction'] });
  const store = await open({ url: server.url });
  const before = await store.commit([put('a', '1'), put('b', '1')]);
  const admin = client(server);
  await admin.config('SET', 'maxmemory', '1mb');
  const group = [
    { alternatives: [{ conditions: [], puts: [], deletes: ['a'], leases: [] }] },
    put('c', 'x'.repeat(1e6)),
  ];
  await expect(store.commit(group)).rejects.toMatchObject({ code: 'store-unavailable' });
  await admin.config('SET', 'maxmemory', '0');
  expect((await store.commit([])).position).toBe(before.position);
  expect(await values(store)).toEqual({ a: '1', b: '1' });
});

test('works for a user who may neither ask for INFO nor CONFIG, with a password and a database of its own', async () => {
  const server = await start();
  const admin = client(server);
  await admin.call('ACL', 'SETUSER', 'portolan', 'on', '>s3cret', '~{portolan:*', '+@all', '-info', '-config');
  const url = `redis://portolan:s3cret@127.0.0.1:${server.port}/3`;
  const store = await open({ url });
  expect(store.acknowledgement).toBe('memory');
  const { position } = await store.commit([put('a', '1')]);
  expect(await changesUpTo(store, ORIGIN, position)).toHaveLength(1);
  expect(await contents(store)).toHaveProperty('a');
  expect(await admin.dbsize()).toBe(0);
  await expect(open({ url: url.replace('s3cret', 'wrong') })).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('WRONGPASS'),
  });
});

test("a server's clock that is set ahead ends no lease, and one that is set back stops none", async () => {
  const store = await open({ fleet: 'steps' });
  const { meta } = fleetKeys('steps');
  const hour = 3_600_000;
  // As the server's clock was an hour ago: so it goes forward by an hour at the next group.
  const stepBy = (by: number) => client(redis).hset(meta, 'time', Date.now() - by);
  await store.commit([lease('l', 10_000), lease('brief', 300)]);
  await stepBy(hour);
  expect(await store.due(2)).toMatchObject({ leases: ['brief'], total: 2 });
  await store.commit([]);
  expect(await store.due(2)).toMatchObject({ leases: ['brief'], total: 2 });
  await store.commit([lease('later', 300), lease('brief', null)]);
  await stepBy(-hour);
  await store.commit([]);
  await vi.waitFor(async () => {
    await store.commit([]);
    expect((await store.due(2)).leases).toEqual(['later']);
  }, SLOW);
});

test('a clock that goes back does not move deadlines', async () => {
  const store = await open({ fleet: 'clock' });
  const hour = 3_600_000;
  await client(redis).hset(fleetKeys('clock').meta, 'clock', Date.now() + hour);
  await store.commit([{ alternatives: [{ conditions: [], puts: [], deletes: [], leases: [{ id: 'l', ttl: 1000 }] }] }]);
  const deadline = Number(await client(redis).zscore(fleetKeys('clock').lease, 'l'));
  expect(deadline).toBeGreaterThan(Date.now() + hour - 60_000);
  expect(await store.due(1)).toMatchObject({ leases: [], total: 1 });
});

async function readOne(store: Store, from: Position): Promise<Change[] | undefined> {
  const stop = new AbortController();
  try {
    for await (const batch of store.changes(from, stop.signal)) return batch;
  } finally {
    stop.abort();
  }
}
