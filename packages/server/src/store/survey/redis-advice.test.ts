import { describe, expect, test } from 'vitest';
import { adviseOnRedis } from './redis-advice.ts';
import type { RedisAdvice } from './redis-advice-level.ts';
import type { RedisSurvey, ServerFacts } from './redis-survey.ts';

/** A primary alone that syncs each write: nothing is wrong with it. */
const server: ServerFacts = {
  address: '10.0.0.5:6379',
  version: '7.0.15',
  mode: 'standalone',
  role: 'master',
  replicaOf: undefined,
  persistence: {
    appendOnly: true,
    appendSync: 'always',
    skipsSyncOnRewrite: false,
    lastAppendFailed: false,
    lastSnapshotFailed: false,
    refusesAfterFailedSnapshot: true,
  },
  memoryLimit: 0,
  evictionPolicy: 'noeviction',
  replicas: [],
  clockAhead: 12,
  keys: ['meta', 'kv', 'lease', 'log'],
  primary: { runId: 'p', at: '10.0.0.5:6379', online: [] },
  promotion: undefined,
  untold: [],
};
const replica = (host: string, more = {}) => ({
  ...{ address: `${host}:6379`, state: 'online', behind: 0, silentFor: 0 },
  ...more,
});

function advise(facts: Partial<ServerFacts> = {}, more: Partial<RedisSurvey> = {}): RedisAdvice[] {
  const online = (facts.replicas ?? []).filter(({ state }) => state === 'online').map(({ address }) => address);
  const primary = { ...server.primary, online };
  const none = { kind: 'single' as const, fleet: 'default', sentinels: [], cluster: undefined, outOfReach: [] };
  return adviseOnRedis({ ...none, server: { ...server, primary, ...facts }, ...more });
}

function persisting(facts: Partial<ServerFacts['persistence']>, more: Partial<ServerFacts> = {}): RedisAdvice[] {
  return advise({ persistence: { ...server.persistence, ...facts }, ...more });
}

/** What is no good, each as `level check: what`. */
const faults = (advice: readonly RedisAdvice[]) =>
  advice.filter(({ level }) => level !== 'ok').map(({ level, check, what }) => `${level} ${check}: ${what}`);
const ofAck = (advice: readonly RedisAdvice[]) => advice.find(({ check }) => check === 'ack');

test('a primary that syncs each write has no faults', () => {
  const advice = advise();
  expect(faults(advice)).toEqual([]);
  expect(advice.map(({ check }) => check)).toEqual([
    ...['server', 'role', 'persistence', 'memory', 'replicas', 'ack', 'clock', 'rights', 'fleet'],
  ]);
});

test('each fault has a remedy, and each name fits its column', () => {
  const everything = [
    ...advise({
      ...{ version: '6.0.1', replicas: [replica('a', { behind: 3 }), replica('b', { state: 'wait_bgsave' })] },
      ...{ memoryLimit: 1, evictionPolicy: 'allkeys-lru', clockAhead: -9000, keys: ['kv'] },
      untold: [{ question: 'EVALSHA', reason: 'NOPERM', refused: true }],
    }),
    ...advise({ role: 'slave', replicaOf: '10.0.0.6:6379' }),
    ...persisting({ appendOnly: false }),
  ];
  for (const { level, remedy, check } of everything) {
    expect(remedy === undefined).toBe(level === 'ok');
    expect(check.length).toBeLessThanOrEqual(11);
  }
});

describe('the server', () => {
  test('that cannot be asked is a failure, and nothing else is told of it', () => {
    const unreachable = { address: '10.0.0.5:6379', unreachable: 'connect ECONNREFUSED' };
    expect(faults(advise({}, { server: unreachable }))).toEqual([
      'failure server: 10.0.0.5:6379 cannot be asked: connect ECONNREFUSED',
    ]);
  });

  test.each([
    ['6.0.20', 1],
    ['5.0.0', 1],
    ['6.2.0', 0],
    ['7.0.0', 0],
    ['10.1.0', 0],
  ])('of version %s has %i faults', (version, count) => {
    expect(faults(advise({ version }))).toHaveLength(count);
  });

  test('has to be a primary', () => {
    const advice = advise({ role: 'slave', replicaOf: '10.0.0.6:6379', replicas: undefined });
    expect(faults(advice)).toEqual(['failure role: it is a replica of 10.0.0.6:6379: it takes no writes']);
    expect(ofAck(advice)).toBeUndefined();
  });

  test('is no sentinel and no node of a cluster, when the URL says that it is alone', () => {
    // It has no keys and knows few commands, which is no fault of it.
    const few = { keys: undefined, untold: [{ question: 'EVALSHA', reason: 'ERR unknown command', refused: true }] };
    expect(faults(advise({ mode: 'sentinel', role: undefined, ...few }))).toEqual(['failure role: it is a sentinel']);
    expect(faults(advise({ mode: 'cluster' }))).toEqual(['failure role: it is a node of a cluster']);
    expect(faults(advise({ mode: 'cluster' }, { kind: 'cluster' }))).not.toContainEqual(
      expect.stringContaining('role'),
    );
  });

  test('has a clock within 5 s of this one', () => {
    expect(faults(advise({ clockAhead: 4900 }))).toEqual([]);
    expect(faults(advise({ clockAhead: 7000 }))).toEqual([
      'warning clock: the clock of Redis is 7 s ahead of this one',
    ]);
    expect(faults(advise({ clockAhead: -7000 }))).toEqual(['warning clock: the clock of Redis is 7 s behind this one']);
  });
});

describe('persistence', () => {
  test.each<[string, Partial<ServerFacts['persistence']>, string]>([
    ['without an append-only file', { appendOnly: false }, 'no append-only file'],
    ['synced once a second', { appendSync: 'everysec' }, 'appendfsync everysec'],
    ['not synced during a rewrite', { skipsSyncOnRewrite: true }, 'while the append-only file is rewritten'],
  ])('%s is a warning, and promises memory alone', (_name, facts, what) => {
    const advice = persisting(facts);
    expect(faults(advice)).toEqual([
      expect.stringMatching(new RegExp(`^warning persistence: .*${what}`)),
      expect.stringMatching(/^warning ack: memory/),
    ]);
  });

  test('that is not told is a warning', () => {
    const refused = { question: 'CONFIG GET', reason: 'NOPERM no', refused: true };
    const advice = persisting({ appendSync: undefined, skipsSyncOnRewrite: undefined }, { untold: [refused] });
    expect(faults(advice)).toEqual([
      'warning persistence: Redis does not tell whether it syncs each write (NOPERM no)',
      expect.stringMatching(/^warning ack: memory/),
      'warning rights: the user may not CONFIG GET',
    ]);
  });

  test('that failed last is a failure where Redis refuses writes for it', () => {
    expect(faults(persisting({ lastAppendFailed: true }))).toEqual([expect.stringMatching(/^failure persistence/)]);
    expect(faults(persisting({ lastSnapshotFailed: true }))).toEqual([expect.stringMatching(/^failure persistence/)]);
    expect(faults(persisting({ lastSnapshotFailed: true, refusesAfterFailedSnapshot: false }))).toEqual([
      'warning persistence: the last snapshot (RDB) failed',
    ]);
  });
});

describe('what coordinators answer', () => {
  const A = 'a:6379';
  const B = 'b:6379';
  const promotion = (known: string[], down: string[] = [], certain = true) => ({
    ...{ known: new Set(known), down: new Set(down), doubted: new Set<string>(), others: new Set<string>(), certain },
    why: '1 of 3 sentinels say that it is the primary',
  });
  const ack = (online: string[], told: ServerFacts['promotion'], kind: RedisSurvey['kind'] = 'sentinel') => {
    const replicas = online.map((address) => replica(address.replace(':6379', '')));
    return ofAck(advise({ replicas, promotion: told }, { kind }));
  };

  test('is lowered while a replica is down, and says why', () => {
    expect(ack([A, B], promotion([A, B]))).toMatchObject({ level: 'ok', what: expect.stringMatching(/^replicas:2 /) });
    expect(ack([A], promotion([A, B], [B]))).toMatchObject({
      ...{ level: 'warning', what: expect.stringMatching(/^replicas:1 .*replica b:6379 is not connected/) },
      remedy: expect.stringContaining('SENTINEL RESET'),
    });
    expect(ack([], promotion([A, B], [A, B]))).toMatchObject({
      ...{ level: 'warning', what: expect.stringMatching(/^disk .*replica a:6379, b:6379 is not connected/) },
    });
  });

  test('is 503 while a replica is away and no majority speaks', () => {
    expect(ack([A], promotion([A, B], [B], false))).toMatchObject({
      ...{ level: 'failure', what: expect.stringMatching(/every write 503 .*b:6379 may have .*\(1 of 3 sentinels/) },
      remedy: expect.stringContaining('when a majority of them is back'),
    });
  });

  test('is 503 while its replicas live elsewhere, until they are given up', () => {
    expect(ack([], promotion([A]))).toMatchObject({
      level: 'failure',
      what: expect.stringContaining('every write 503'),
    });
    expect(ack([A], promotion([A, B]))).toMatchObject({
      ...{
        level: 'warning',
        what: expect.stringMatching(/^coordinators that start now, or saw it .* every write 503 .*: b:6379 may/),
      },
    });
  });

  test('is 503 for the moment in which the sentinels still list the new primary as a replica', () => {
    expect(ack([], promotion(['10.0.0.5:6379', A], [], false))).toMatchObject({
      ...{ level: 'warning', what: expect.stringContaining('until the failover is over') },
    });
  });

  test('without the only replica is told', () => {
    const told = advise({ replicas: [replica('a')] }).find(({ check }) => check === 'replicas');
    expect(told?.what).toMatch(/were it away, writes would be refused for 3 s, then acknowledged by "disk"$/);
  });
});

test('a limit of memory needs noeviction, and without a limit nothing is dropped', () => {
  expect(faults(advise({ memoryLimit: 2 ** 30, evictionPolicy: 'allkeys-lru' }))).toEqual([
    expect.stringContaining('at the limit of 1024 MiB Redis drops keys (maxmemory-policy allkeys-lru)'),
  ]);
  expect(faults(advise({ memoryLimit: 2 ** 30 }))).toEqual([]);
  expect(faults(advise({ evictionPolicy: 'allkeys-lru' }))).toEqual([]);
});

describe('replicas', () => {
  test('that are online make the level, but not without an append-only file', () => {
    const replicas = [replica('a'), replica('b'), replica('c', { state: 'send_bulk' })];
    expect(ofAck(advise({ replicas }))?.what).toMatch(/^replicas:2 /);
    expect(ofAck(persisting({ appendSync: 'everysec' }, { replicas }))?.what).toMatch(/^replicas:2 /);
    expect(ofAck(persisting({ appendOnly: false }, { replicas }))).toMatchObject({
      ...{ level: 'warning', what: expect.stringMatching(/^memory .*copy its empty state/) },
      remedy: expect.stringContaining('appendonly yes'),
    });
    expect(ofAck(advise())?.what).toMatch(/^disk /);
    expect(ofAck(advise({ replicas: [replica('c', { state: 'send_bulk' })] }))?.what).toMatch(/^disk /);
  });

  test('that do not keep up are warnings', () => {
    const replicas = [
      replica('a'),
      replica('b', { behind: 700 }),
      replica('c', { silentFor: 8, behind: 1 }),
      replica('d', { state: 'wait_bgsave' }),
    ];
    expect(faults(advise({ replicas }))).toEqual([
      'warning replicas: b:6379 lags behind by 700 bytes',
      'warning replicas: c:6379 lags behind by 1 bytes and has confirmed nothing for 8 s',
      'warning replicas: d:6379 is not online yet (wait_bgsave)',
      expect.stringMatching(/^warning ack: replicas:3 .* 503 .* while b:6379, c:6379 does not confirm/),
    ]);
  });

  test('are wanted where a failover is', () => {
    expect(faults(advise())).toEqual([]);
    expect(faults(advise({}, { kind: 'cluster' }))).toEqual([
      expect.stringMatching(/^warning replicas: no replica .* nobody to promote/),
      expect.stringMatching(/^warning ack: disk .*the primary has no replica/),
    ]);
  });

  test('of a primary without an append-only file would copy its loss: with failovers a failure', () => {
    const persistence = { ...server.persistence, appendOnly: false };
    const loss = (kind: RedisSurvey['kind']) =>
      advise({ persistence, replicas: [replica('a')] }, { kind }).filter(({ what }) => /replicas copy/.test(what));
    expect(loss('single')).toMatchObject([{ level: 'warning' }]);
    expect(loss('cluster')).toMatchObject([{ level: 'failure' }]);
    expect(loss('sentinel')).toMatchObject([{ level: 'failure' }]);
  });

  test('that cannot be reached from here are warnings', () => {
    const advice = advise({ replicas: [replica('a')] }, { kind: 'cluster', outOfReach: ['a:6379'] });
    expect(faults(advice)).toEqual([expect.stringMatching(/^warning replicas: a:6379 .* cannot be reached/)]);
  });
});

describe('rights', () => {
  const refused = (question: string) => ({ question, reason: 'NOPERM', refused: true });

  test('without which no coordinator works are a failure', () => {
    expect(faults(advise({ untold: [refused('EVALSHA'), refused('XREAD'), refused('INFO')] }))).toEqual([
      'failure rights: the user may not EVALSHA, XREAD',
      'warning rights: the user may not INFO',
    ]);
  });

  test('to wait are needed where there are replicas', () => {
    const untold = [refused('WAIT')];
    expect(faults(advise({ untold }))).toEqual(['warning rights: the user may not WAIT']);
    expect(faults(advise({ untold, replicas: [replica('a')] }))).toEqual(['failure rights: the user may not WAIT']);
  });

  test('are not what is missing when Redis is silent', () => {
    const untold = [{ question: 'TIME', reason: 'no answer within 2 s', refused: false }];
    expect(faults(advise({ untold, clockAhead: undefined }))).toEqual([
      'warning server: no answer to TIME: no answer within 2 s',
    ]);
  });
});

test('a fleet without its :meta is a failure, one that is not there yet is none', () => {
  expect(faults(advise({ keys: ['kv', 'log'] }, { fleet: 'dev' }))).toEqual([
    expect.stringContaining('failure fleet: {portolan:dev}:meta is missing, while :kv, :log are there'),
  ]);
  expect(faults(advise({ keys: ['meta'] }))).toEqual([]);
  expect(faults(advise({ keys: [] }))).toEqual([]);
});

describe('a cluster', () => {
  const node = (host: string, failed = false) => ({ address: `${host}:6379`, failed });
  const cluster = { state: 'ok', voters: [node('a'), node('b'), node('c')], replicas: [node('d')] };
  const ofCluster = (more: Partial<RedisSurvey['cluster']>) =>
    faults(
      advise({ replicas: [replica('d')], mode: 'cluster' }, { kind: 'cluster', cluster: { ...cluster, ...more } }),
    );

  test('that is whole has no faults', () => expect(ofCluster({})).toEqual([]));

  test('with failed nodes, or too few to vote, has faults', () => {
    expect(ofCluster({ state: 'fail' })).toEqual(['failure cluster: its state is "fail": it takes no commands']);
    expect(ofCluster({ replicas: [node('d', true)] })).toEqual(['warning cluster: the replica d:6379 has failed']);
    expect(ofCluster({ voters: [node('a'), node('b', true), node('c')] })).toEqual([
      'warning cluster: the primary b:6379 has failed',
    ]);
    expect(ofCluster({ voters: [node('a')] })).toEqual([expect.stringContaining('there is no majority')]);
  });

  test('that does not tell its state is a warning', () => {
    expect(ofCluster({ state: undefined })).toEqual([expect.stringContaining('does not tell the state')]);
  });
});
