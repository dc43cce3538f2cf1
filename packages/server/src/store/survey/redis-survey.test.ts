import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startCluster } from '../../../../../test/support/cluster.ts';
import { manualRights, PASSWORD } from '../../../../../test/support/manual-rights.ts';
import { redisUnavailable, startRedis, startSentinel, type TestRedis } from '../../../../../test/support/redis.ts';
import { startSentinelGroup } from '../../../../../test/support/sentinel.ts';
import { fleetKeys } from '../redis-keys.ts';
import { openRedisStore } from '../redis-store.ts';
import { put } from '../store.contract.ts';
import { adviseOnRedis } from './redis-advice.ts';
import { type RedisSurvey, type ServerFacts, surveyRedis } from './redis-survey.ts';

const SLOW = { timeout: 60_000, interval: 100 };
const cleanup: (() => unknown)[] = [];

const unavailable = redisUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));
afterEach(async () => {
  for (const each of cleanup.splice(0).reverse()) await each();
});

async function start(...args: string[]): Promise<TestRedis> {
  const server = await startRedis({ args, persistence: 'aof', asProcess: true });
  cleanup.push(() => server.stop());
  return server;
}

function client(server: TestRedis): Redis {
  const connection = new Redis(server.url);
  connection.on('error', () => {});
  cleanup.push(() => connection.disconnect());
  return connection;
}

function freeze({ pid }: TestRedis): void {
  process.kill(pid as number, 'SIGSTOP');
}

/** What a coordinator leaves behind. */
async function use(url: string): Promise<void> {
  const store = await openRedisStore({ url });
  await store.commit([put('a', '1')]);
  await store.close();
}

/** What is no good, each as `level check: what`. */
const faults = (survey: RedisSurvey) =>
  adviseOnRedis(survey)
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, what }) => `${level} ${check}: ${what}`);
const named = (url: string) => url.replace('://', `://portolan:${encodeURIComponent(PASSWORD)}@`);

test('of a primary that syncs each write all is told, and nothing is wrong', async () => {
  const server = await start();
  const before = await surveyRedis(server.url);
  expect(before.server).toMatchObject({
    address: `127.0.0.1:${server.port}`,
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    ...{ mode: 'standalone', role: 'master', memoryLimit: 0, evictionPolicy: 'noeviction', replicas: [], keys: [] },
    persistence: {
      ...{ appendOnly: true, appendSync: 'always', skipsSyncOnRewrite: false },
      ...{ lastAppendFailed: false, lastSnapshotFailed: false, refusesAfterFailedSnapshot: false },
    },
    untold: [],
  });
  expect(Math.abs((before.server as ServerFacts).clockAhead as number)).toBeLessThan(1000);
  expect(faults(before)).toEqual([]);
  await use(server.url);
  const after = await surveyRedis(server.url);
  expect(after.server).toMatchObject({ keys: expect.arrayContaining(['meta', 'kv', 'log']) });
  expect(faults(after)).toEqual([]);
  expect(await surveyRedis(server.url, 'other')).toMatchObject({ fleet: 'other', server: { keys: [] } });
});

test('the rights of the manual are enough, and nothing that writes is tried', async () => {
  const server = await start();
  const admin = client(server);
  await use(server.url);
  await admin.call('ACL', 'SETUSER', ...manualRights('portolan'));
  const survey = await surveyRedis(named(server.url));
  expect(faults(survey)).toEqual([]);
  expect(JSON.stringify(survey)).not.toContain(PASSWORD);
  await admin.call('ACL', 'SETUSER', 'portolan', '-@write');
  expect(faults(await surveyRedis(named(server.url)))).toEqual([]);
  expect(await admin.call('ACL', 'LOG')).toEqual([]);
  expect(faults(await surveyRedis(named(server.url), 'other'))).toContainEqual(
    expect.stringMatching(/^failure rights: .*EXISTS.*EVALSHA/),
  );
});

test('a user who may ask nothing is told so, a wrong password is none that is shown', async () => {
  const server = await start();
  await client(server).call('ACL', 'SETUSER', 'portolan', 'on', `>${PASSWORD}`, '-@all');
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  cleanup.push(() => warned.mockRestore());
  const survey = await surveyRedis(named(server.url));
  expect(warned).not.toHaveBeenCalled();
  expect(survey.server).toMatchObject({ role: undefined, replicas: undefined, keys: undefined, clockAhead: undefined });
  expect(faults(survey)).toEqual(
    expect.arrayContaining([
      expect.stringContaining('does not tell its version or role'),
      expect.stringContaining('does not tell whether it syncs each write'),
      expect.stringMatching(/^failure rights: .*TIME/),
      expect.stringMatching(/^warning rights: .*INFO/),
    ]),
  );
  const wrong = await surveyRedis(named(server.url).replace('s3c', 'w0rd'));
  expect(faults(wrong)).toEqual([expect.stringMatching(/^failure server: .*WRONGPASS/)]);
  expect(JSON.stringify(wrong)).not.toMatch(/w0rd|s3c/);
});

test('what cannot be reached, or hangs, is told within seconds', async () => {
  const server = await start();
  expect(faults(await surveyRedis('redis://127.0.0.1:1'))).toEqual([expect.stringMatching(/ECONNREFUSED/)]);
  freeze(server);
  const asked = performance.now();
  expect(faults(await surveyRedis(server.url))).toEqual([expect.stringMatching(/^failure server: .* cannot be asked/)]);
  expect(performance.now() - asked).toBeLessThan(10_000);
  await expect(surveyRedis('redis:/x')).rejects.toMatchObject({ code: 'invalid-request' });
});

test('what is set badly is found, and that a replica takes no writes', async () => {
  const server = await start(
    ...['--appendfsync', 'everysec', '--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
  );
  expect(faults(await surveyRedis(server.url))).toEqual([
    expect.stringContaining('appendfsync everysec'),
    expect.stringContaining('maxmemory-policy allkeys-lru'),
    expect.stringMatching(/^warning ack: memory/),
  ]);
  await client(server).config('SET', 'appendfsync', 'always');
  await client(server).config('SET', 'no-appendfsync-on-rewrite', 'yes');
  expect(faults(await surveyRedis(server.url))).toContainEqual(expect.stringContaining('syncs are left out'));
  // Redis does not end while it writes its first append-only file.
  const replica = await start('--replicaof', '127.0.0.1', String(server.port), '--appendonly', 'no');
  expect(faults(await surveyRedis(replica.url))).toEqual([
    `failure role: it is a replica of 127.0.0.1:${server.port}: it takes no writes`,
  ]);
});

test('a fleet that lost its :meta is found', async () => {
  const server = await start();
  await use(server.url);
  await client(server).del(fleetKeys('default').meta);
  expect(faults(await surveyRedis(server.url))).toEqual([expect.stringMatching(/^failure fleet: .*:meta is missing/)]);
});

test('replicas have no lag under load, and one that hangs has', { timeout: 60_000 }, async () => {
  const server = await start();
  const replica = await start('--replicaof', '127.0.0.1', String(server.port));
  const redis = client(server);
  await vi.waitFor(async () => expect(await redis.info('replication')).toContain('state=online'), SLOW);
  let writing = true;
  const load = (async () => {
    while (writing) await redis.set('load', 'x'.repeat(1000));
  })();
  cleanup.push(() => {
    writing = false;
    return load;
  });
  const survey = await surveyRedis(server.url);
  expect(survey.server).toMatchObject({ replicas: [{ address: `127.0.0.1:${replica.port}`, behind: 0 }] });
  expect(faults(survey)).toEqual([]);
  expect(adviseOnRedis(survey)).toContainEqual(
    expect.objectContaining({ what: expect.stringMatching(/^replicas:1 /) }),
  );
  freeze(replica);
  await vi.waitFor(async () => {
    expect(faults(await surveyRedis(server.url))).toEqual([
      expect.stringMatching(/lags behind by \d+ bytes/),
      expect.stringMatching(/^warning ack: replicas:1 .* 503/),
    ]);
  }, SLOW);
});

test('a Sentinel set-up is judged whole, with the rights of the manual', { timeout: 120_000 }, async () => {
  const group = await startSentinelGroup({ persistence: 'aof' });
  cleanup.push(() => group.stop());
  for (const server of group.servers) await client(server).call('ACL', 'SETUSER', ...manualRights('portolan'));
  for (const server of group.sentinels) {
    const admin = client(server);
    await admin.call('ACL', 'SETUSER', ...manualRights('watcher'));
  }
  const url = `${named(group.url)}?sentinel-user=watcher&sentinel-password=${encodeURIComponent(PASSWORD)}`;
  const [primary, replica] = group.servers as [TestRedis, TestRedis];
  await vi.waitFor(async () => expect(faults(await surveyRedis(url))).toEqual([]), SLOW);
  const survey = await surveyRedis(url);
  expect(survey).toMatchObject({ server: { address: `127.0.0.1:${primary.port}` }, outOfReach: [] });
  expect(survey.sentinels.map(({ view }) => view)).toEqual(
    Array.from({ length: 3 }, () =>
      expect.objectContaining({
        ...{ primary: `127.0.0.1:${primary.port}`, primaryDown: false, total: 3, quorum: 2 },
        ...{ downAfter: 1000, failoverTimeout: 5000, untold: [] },
      }),
    ),
  );
  expect(JSON.stringify(survey)).not.toContain(PASSWORD);
  expect(faults(await surveyRedis(url.replace('harbour', 'lagoon')))).toContainEqual(
    expect.stringMatching(/^failure sentinels: no primary of the name/),
  );

  await replica.kill();
  await vi.waitFor(async () => {
    expect(faults(await surveyRedis(url))).toContain(
      `warning failover: the sentinels know the replica 127.0.0.1:${replica.port}, which is down`,
    );
    expect(faults(await surveyRedis(url))).toContainEqual(
      expect.stringMatching(/^warning ack: replicas:1 .* is not connected/),
    );
  }, SLOW);

  for (const sentinel of group.sentinels.slice(1)) await sentinel.kill();
  await vi.waitFor(async () => {
    const told = faults(await surveyRedis(url));
    expect(told).toContain('failure sentinels: 1 of 3 reach one another, and 2 are needed to fail over');
    expect(told.filter((line) => line.includes('cannot be asked'))).toHaveLength(2);
    expect(told).toContainEqual(expect.stringMatching(/^failure ack: coordinators answer every write 503 .*1 of 3/));
  }, SLOW);
});

test('during a failover that was asked for, no replica is told to be missing', { timeout: 120_000 }, async () => {
  const group = await startSentinelGroup({ persistence: 'aof' });
  cleanup.push(() => group.stop());
  await vi.waitFor(async () => expect(faults(await surveyRedis(group.url))).toEqual([]), SLOW);
  const [sentinel] = group.sentinels as [TestRedis];
  const connection = new Redis(sentinel.url, { enableReadyCheck: false });
  connection.on('error', () => {});
  cleanup.push(() => connection.disconnect());
  await connection.call('SENTINEL', 'FAILOVER', 'harbour');
  const seen = new Set<string>();
  await vi.waitFor(async () => {
    const told = faults(await surveyRedis(group.url));
    for (const line of told) seen.add(line);
    expect(await group.primaryPort()).not.toBe(group.servers[0]?.port);
    expect(told).toEqual([]);
  }, SLOW);
  expect([...seen]).toContainEqual(expect.stringMatching(/a failover is under way/));
});

test('a sentinel in place of a primary is told once', async () => {
  const server = await start();
  const sentinel = await startSentinel(() => [`sentinel monitor harbour 127.0.0.1 ${server.port} 1`]);
  cleanup.push(() => sentinel.stop());
  expect(faults(await surveyRedis(sentinel.url))).toEqual(['failure role: it is a sentinel']);
});

test('a server that is no sentinel is told so', async () => {
  const server = await start();
  expect(faults(await surveyRedis(`redis+sentinel://127.0.0.1:${server.port}/harbour`))).toEqual([
    expect.stringContaining('the primary cannot be asked'),
    `failure sentinels: 127.0.0.1:${server.port} is no sentinel`,
  ]);
});

test('a cluster is judged by the node of the slot', { timeout: 120_000 }, async () => {
  const cluster = await startCluster({ persistence: 'aof' });
  cleanup.push(() => cluster.stop());
  const rights = ['+cluster|slots', '+cluster|keyslot'];
  const more = ['+cluster|info', '+cluster|nodes'];
  const admit = async (...commands: string[]) => {
    for (const node of [...cluster.primaries, ...cluster.replicas]) {
      await client(node).call('ACL', 'SETUSER', ...manualRights('portolan'), ...commands);
    }
  };
  await admit(...rights, ...more);
  const url = named(cluster.url);
  const owner = await cluster.ownerOf(fleetKeys('default').meta);
  const replica = cluster.replicas[cluster.primaries.indexOf(owner)] as TestRedis;
  await vi.waitFor(async () => {
    const survey = await surveyRedis(url);
    expect(faults(survey)).toEqual([]);
    expect(survey).toMatchObject({
      server: { address: `127.0.0.1:${owner.port}` },
      cluster: { state: 'ok', replicas: [{ address: `127.0.0.1:${replica.port}`, failed: false }] },
    });
  }, SLOW);
  expect(faults(await surveyRedis(owner.url))).toContain('failure role: it is a node of a cluster');
  await client(owner).call('ACL', 'SETUSER', 'portolan', ...more.map((right) => right.replace('+', '-')));
  expect(faults(await surveyRedis(url))).toEqual([
    expect.stringContaining('does not tell the state of the cluster'),
    'warning rights: the user may not CLUSTER INFO, CLUSTER NODES',
  ]);
  await client(owner).call('ACL', 'SETUSER', 'portolan', ...more);
  await replica.kill();
  await vi.waitFor(async () => {
    expect(faults(await surveyRedis(url))).toEqual([
      expect.stringMatching(/^warning replicas: no replica is connected/),
      expect.stringMatching(/^warning ack: disk .* is not connected/),
      `warning cluster: the replica 127.0.0.1:${replica.port} has failed`,
    ]);
  }, SLOW);
});
