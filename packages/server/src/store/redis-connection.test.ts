import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Authority, certificatesUnavailable } from '../../../../test/support/certificates.ts';
import { startCluster } from '../../../../test/support/cluster.ts';
import { manualRights } from '../../../../test/support/manual-rights.ts';
import { freePort } from '../../../../test/support/port.ts';
import { redisUnavailable, startRedis, startSentinel, type TestRedis } from '../../../../test/support/redis.ts';
import { startSentinelGroup } from '../../../../test/support/sentinel.ts';
import { reasonOf } from './redis-connection.ts';
import { fleetKeys } from './redis-keys.ts';
import { openRedisStore, type RedisStoreOptions } from './redis-store.ts';
import { changesUpTo, contents, put, values } from './store.contract.ts';
import type { Store } from './store.ts';

const SLOW = { timeout: 60_000, interval: 20 };
const cleanup: (() => unknown)[] = [];

const unavailable = redisUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));
afterEach(async () => {
  for (const each of cleanup.splice(0).reverse()) await each();
});

async function open(url: string, options: Partial<RedisStoreOptions> = {}): Promise<Store> {
  const store = await openRedisStore({ url, ...options });
  cleanup.push(() => store.close());
  return store;
}

async function start(...args: string[]): Promise<TestRedis> {
  const server = await startRedis({ args, asProcess: true });
  cleanup.push(() => server.stop());
  return server;
}

function client(server: TestRedis): Redis {
  const connection = new Redis(server.url);
  connection.on('error', () => {});
  cleanup.push(() => connection.disconnect());
  return connection;
}

/** Everything that a coordinator does with a store. */
async function use(store: Store): Promise<void> {
  const before = (await store.commit([])).position;
  const leases = [{ id: 'l', ttl: 0 }];
  const { position } = await store.commit([
    put('a', '1'),
    { alternatives: [{ conditions: [], puts: [], deletes: ['a'], leases }] },
    {
      alternatives: [
        { conditions: [{ lease: 'l', due: true }], puts: [], deletes: [], leases: [{ id: 'l', ttl: null }] },
      ],
    },
    { alternatives: [{ conditions: [], puts: [], deletes: [], leases }] },
    put('b', '2', { key: 'a', version: null }),
  ]);
  expect(await changesUpTo(store, before, position)).toHaveLength(3);
  expect(await values(store)).toEqual({ b: '2' });
  expect(await store.due(10)).toMatchObject({ leases: ['l'], total: 1 });
}

async function admit(server: TestRedis, user: 'portolan' | 'watcher', ...more: string[]): Promise<Redis> {
  const admin = client(server);
  await admin.call('ACL', 'SETUSER', ...manualRights(user), ...more);
  return admin;
}

test('a user with the rights of the manual and no more can do all that is done', async () => {
  const server = await start();
  const admin = await admit(server, 'portolan');
  const url = `redis://portolan:s3c%2Fret@127.0.0.1:${server.port}`;
  await use(await open(url));
  expect(await admin.call('ACL', 'LOG')).toEqual([]);
  await expect(open(url, { fleet: 'other' })).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('NOPERM'),
  });
  await expect(open(`${url}/1`)).rejects.toThrow('NOPERM');
  await admin.call('ACL', 'SETUSER', 'portolan', '+select');
  await use(await open(`${url}/1`));
});

test('a database that the user may not choose is refused, and nothing goes to another one', async () => {
  const server = await start();
  const admin = client(server);
  await admin.call('ACL', 'SETUSER', 'portolan', 'on', '>s', '~*', '+@all', '-select');
  const url = `redis://portolan:s@127.0.0.1:${server.port}/3`;
  await expect(open(url)).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringMatching(/NOPERM.*select/),
  });
  expect(await admin.dbsize()).toBe(0);
  await admin.call('ACL', 'SETUSER', 'portolan', '+select');
  await use(await open(url));
  expect(await admin.dbsize()).toBe(0);
  await expect(open(`redis://127.0.0.1:${server.port}/99`)).rejects.toThrow('out of range');
});

/** What servers and clients show each other, in files. */
function certificates() {
  const directory = mkdtempSync(join(tmpdir(), 'portolan-redis-tls-'));
  cleanup.push(() => rmSync(directory, { recursive: true }));
  const authority = new Authority(directory, 'authority');
  const [server, client] = [authority.issue('server'), authority.issue('client')];
  return {
    ca: `ca=${authority.cert}`,
    own: `cert=${client.cert}&key=${client.key}`,
    /** Arguments of a server that takes TLS on this port as well, from clients with a certificate. */
    serving: (port: number) => [
      ...['--tls-port', String(port), '--tls-auth-clients', 'yes', '--tls-ca-cert-file', authority.cert],
      ...['--tls-cert-file', server.cert, '--tls-key-file', server.key],
    ],
  };
}

test('over TLS only a server that the given authority vouches for is spoken to, with the certificate that it wants', async ({
  skip,
}) => {
  skip(certificatesUnavailable() !== undefined, certificatesUnavailable());
  const { ca, own, serving } = certificates();
  const port = await freePort();
  await start(...serving(port));
  await use(await open(`rediss://127.0.0.1:${port}?${ca}&${own}`));
  await use(await open(`rediss://127.0.0.1:${port}/1?${ca}&${own}&servername=localhost`));
  const refused = (query: string, why: RegExp) =>
    expect(open(`rediss://127.0.0.1:${port}?${query}`)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringMatching(why),
    });
  await refused(own, /unable to verify|self.signed/);
  await refused(`${ca}&${own}&servername=other.test`, /does not match/);
  await refused(ca, /certificate required|closed|ECONNRESET|EPIPE/);
  await expect(open(`redis://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'store-unavailable' });
});

test('sentinels and clusters are spoken to over TLS, too', { timeout: 60_000 }, async ({ skip }) => {
  skip(certificatesUnavailable() !== undefined, certificatesUnavailable());
  const { ca, own, serving } = certificates();
  const query = `${ca}&${own}&servername=localhost`;
  const [port, sentinelPort] = [await freePort(), await freePort()];
  const bus = ['--cluster-enabled', 'yes', '--tls-cluster', 'yes', '--cluster-port', String(await freePort())];
  const node = await start(...serving(port), ...bus);
  await client(node).call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await vi.waitFor(async () => expect(await client(node).call('CLUSTER', 'INFO')).toContain('cluster_state:ok'), SLOW);
  await use(await open(`rediss+cluster://127.0.0.1:${port}?${query}`));
  await node.stop();

  await start(...serving(port));
  const sentinel = await startSentinel(() => [
    ...lines(serving(sentinelPort)),
    'tls-replication yes',
    `sentinel monitor harbour 127.0.0.1 ${port} 1`,
  ]);
  cleanup.push(() => sentinel.stop());
  await use(await open(`rediss+sentinel://127.0.0.1:${sentinelPort}/harbour?${query}`));
});

/** Arguments as lines of a configuration. */
function lines(args: readonly string[]): string[] {
  return args.flatMap((name, i) => (name.startsWith('--') ? [`${name.slice(2)} ${args[i + 1]}`] : []));
}

test('sentinels name the primary, before and after a failover', { timeout: 120_000 }, async () => {
  const group = await startSentinelGroup({ persistence: 'aof' });
  cleanup.push(() => group.stop());
  for (const server of group.servers) await admit(server, 'portolan');
  for (const sentinel of group.sentinels) await admit(sentinel, 'watcher');
  const users = (url: string) =>
    `${url.replace('://', '://portolan:s3c%2Fret@')}?sentinel-user=watcher&sentinel-password=s3c%2Fret`;
  const store = await open(users(group.url));
  await vi.waitFor(() => expect(store.acknowledgement).toBe('replicas:2'), SLOW);
  await use(store);
  await expect(open(users(group.url.replace('harbour', 'lagoon')))).rejects.toMatchObject({
    code: 'store-unavailable',
  });

  // Nobody is left to say where the primary is, and it closes the connection.
  await Promise.all(group.sentinels.map((each) => each.kill()));
  await client(group.servers[0] as TestRedis).client('KILL', 'USER', 'portolan');
  await vi.waitFor(() => expect(store.commit([])).rejects.toMatchObject({ code: 'store-unavailable' }), SLOW);
  await Promise.all(group.sentinels.map((each) => each.restart()));
  for (const sentinel of group.sentinels) await admit(sentinel, 'watcher');
  const before = await vi.waitFor(() => store.commit([put('kept', '1')]), SLOW);
  const [primary] = group.servers as [TestRedis];
  await primary.kill();
  const after = await vi.waitFor(() => store.commit([put('after', '1')]), SLOW);
  expect(after.epoch).toBeGreaterThan(before.epoch);
  expect((await changesUpTo(store, before.position, after.position)).length).toBeGreaterThan(0);
  expect(Object.keys(await contents(store)).sort()).toEqual(['after', 'b', 'kept']);
});

test('an unknown name, and sentinels that are not there, are errors at once', async () => {
  const server = await start();
  await expect(open(`redis+sentinel://127.0.0.1:${server.port}/harbour`)).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('All sentinels are unreachable'),
  });
  await expect(open(`redis+cluster://127.0.0.1:${server.port}`)).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('cluster support disabled'),
  });
});

test('in a cluster the slot of the fleet is found, followed when it moves, and found again after a failover', {
  timeout: 120_000,
}, async () => {
  const cluster = await startCluster({ persistence: 'aof' });
  cleanup.push(() => cluster.stop());
  const rights = ['+cluster|slots', '+cluster|keyslot', '+cluster|info', '+cluster|nodes'];
  for (const node of [...cluster.primaries, ...cluster.replicas]) await admit(node, 'portolan', ...rights);
  const [seed] = cluster.primaries as [TestRedis];
  const store = await open(`redis+cluster://portolan:s3c%2Fret@127.0.0.1:${seed.port}`);
  await vi.waitFor(() => expect(store.acknowledgement).toBe('replicas:1'), SLOW);
  await use(store);

  const key = fleetKeys('default').meta;
  const owner = await cluster.ownerOf(key);
  const target = cluster.primaries.find((each) => each !== owner) as TestRedis;
  const before = await store.commit([]);
  let moved = false;
  const answers: string[] = [];
  const writing = (async () => {
    for (let i = 0; !moved || answers.length < 20; i++) {
      await store.commit([put(`w${i}`, String(i))]);
      answers.push(`w${i}`);
    }
  })();
  await vi.waitFor(() => expect(answers.length).toBeGreaterThan(5), SLOW);
  await cluster.moveSlot(key, target);
  moved = true;
  await writing;
  expect(await cluster.ownerOf(key)).toBe(target);
  const head = await store.commit([]);
  expect(await changesUpTo(store, before.position, head.position)).toHaveLength(answers.length);
  expect(Object.keys(await contents(store))).toEqual(expect.arrayContaining(answers));

  await target.kill();
  await vi.waitFor(async () => expect(await cluster.ownerOf(key)).not.toBe(target), SLOW);
  // As the replica without which nothing is confirmed.
  await target.restart();
  await admit(target, 'portolan', ...rights);
  const after = await vi.waitFor(() => store.commit([put('after', '1')]), SLOW);
  expect(after.epoch).toBeGreaterThan(head.epoch);
  expect(Object.keys(await contents(store))).toEqual(expect.arrayContaining([...answers, 'after']));
});

test('reasons are told to whoever runs Redis, not to whoever reads the source of its client', () => {
  const told = (message: string) => reasonOf(new Error(message));
  expect(
    told('Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.'),
  ).toBe('the connection broke');
  expect(told("Socket timeout. Expecting data, but didn't receive any in 2000ms.")).toBe('no answer within 2 s');
  const script = `script: ${'5f'.repeat(20)}, on @user_script:1.`;
  expect(told(`READONLY You can't write against a read only replica. ${script}`)).toBe(
    'READONLY: it is a replica, which takes no writes',
  );
  expect(told(`OOM command not allowed when used memory > 'maxmemory'. ${script}`)).toBe(
    "OOM command not allowed when used memory > 'maxmemory'.",
  );
  expect(told('connect ECONNREFUSED 127.0.0.1:1')).toBe('connect ECONNREFUSED 127.0.0.1:1');
});
