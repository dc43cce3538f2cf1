import { adviseOnAcknowledgement, levelAlone } from './redis-acknowledgement-advice.ts';
import { fail, fine, type RedisAdvice, remedyOf, warn } from './redis-advice-level.ts';
import type { ClusterFacts } from './redis-cluster-survey.ts';
import type { Untold } from './redis-question.ts';
import { adviseOnSentinels } from './redis-sentinel-advice.ts';
import type { PersistenceFacts, RedisSurvey, ReplicaFacts, ServerFacts } from './redis-survey.ts';

const OLDEST = [6, 2] as const;
/** Clocks that differ by more look wrong in answers and logs, ms. Leases go by the clock of Redis alone. */
const SKEW_MAX = 5000;
/** A replica confirms once a second; one that was silent for longer than this hangs or is cut off, s. */
const SILENT_MAX = 5;
/** Fewer that vote elect nobody once one of them is gone. */
const VOTERS_MIN = 3;

/** Holds a set-up against what Portolan promises with it. */
export function adviseOnRedis(survey: RedisSurvey): RedisAdvice[] {
  const { server, cluster } = survey;
  const sentinels = survey.kind === 'sentinel' ? adviseOnSentinels(survey) : [];
  if (server.unreachable !== undefined) {
    const place = server.address ?? (survey.kind === 'cluster' ? 'the cluster' : 'the primary');
    return [
      fail('server', `${place} cannot be asked: ${server.unreachable}`, remedyOf(server.unreachable)),
      ...sentinels,
    ];
  }
  // All else would be told of the wrong server.
  if (survey.kind === 'single' && server.mode === 'sentinel') return adviseOnServer(server, survey.kind);
  const serving = server.role === undefined || server.role === 'master';
  return [
    ...adviseOnServer(server, survey.kind),
    ...(serving
      ? [
          ...adviseOnPersistence(server),
          ...adviseOnMemory(server),
          ...adviseOnReplicas(server, survey),
          ...adviseOnAcknowledgement(server, survey.kind),
        ]
      : []),
    ...sentinels,
    ...(cluster ? adviseOnCluster(cluster, server) : []),
    ...adviseOnClock(server),
    ...adviseOnRights(server, survey),
    ...adviseOnFleet(server, survey.fleet),
  ];
}

function adviseOnServer({ address, version, mode, role, replicaOf }: ServerFacts, kind: RedisSurvey['kind']) {
  const advice: RedisAdvice[] = [];
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (version === undefined) {
    advice.push(warn('server', `${address} answers, but does not tell its version or role`, 'allow the user +info'));
  } else if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    advice.push(fail('server', `${address} has version ${version}`, `update Redis to ${OLDEST.join('.')} or later`));
  } else {
    advice.push(fine('server', `${address} answers, version ${version}`));
  }
  if (kind === 'single' && mode === 'sentinel') {
    advice.push(fail('role', 'it is a sentinel', 'write the URL as redis+sentinel://host:port/name'));
  } else if (kind === 'single' && mode === 'cluster') {
    advice.push(fail('role', 'it is a node of a cluster', 'write the URL as redis+cluster://host:port'));
  } else if (role === 'slave') {
    const remedy =
      kind === 'single'
        ? `name the primary in the URL; where sentinels decide which it is, redis+sentinel://`
        : 'a failover is under way, or was never finished: ask again in some seconds, then see the logs';
    advice.push(fail('role', `it is a replica of ${replicaOf}: it takes no writes`, remedy));
  } else if (role === 'master') {
    advice.push(fine('role', 'it is a primary'));
  }
  return advice;
}

function adviseOnPersistence({ persistence, untold }: ServerFacts): RedisAdvice[] {
  const { lastAppendFailed, lastSnapshotFailed, refusesAfterFailedSnapshot } = persistence;
  const advice = [adviseOnSync(persistence, untold)];
  if (lastAppendFailed) {
    advice.push(
      fail(
        'persistence',
        'the last write of the append-only file failed: Redis refuses all writes',
        'see the log of Redis: mostly the disk is full',
      ),
    );
  }
  if (lastSnapshotFailed) {
    const level = refusesAfterFailedSnapshot ? fail : warn;
    const so = refusesAfterFailedSnapshot ? ': Redis refuses all writes' : '';
    advice.push(
      level(
        'persistence',
        `the last snapshot (RDB) failed${so}`,
        'see the log of Redis: mostly disk or memory ran out',
      ),
    );
  }
  return advice;
}

function adviseOnSync({ appendOnly, appendSync, skipsSyncOnRewrite }: PersistenceFacts, untold: readonly Untold[]) {
  if (appendOnly === false) {
    return warn(
      'persistence',
      'there is no append-only file: a restart loses what was written since the last snapshot, or all',
      'appendonly yes, appendfsync always',
    );
  }
  if (appendSync === undefined) {
    const reason = untold.find(({ question }) => question === 'CONFIG GET')?.reason ?? 'CONFIG GET is refused';
    return warn(
      'persistence',
      `Redis does not tell whether it syncs each write (${reason})`,
      'allow the user +config|get',
    );
  }
  if (appendSync !== 'always') {
    return warn(
      'persistence',
      `writes are not synced before they are answered (appendfsync ${appendSync}): a crash of the machine loses the last of them`,
      'appendfsync always',
    );
  }
  if (skipsSyncOnRewrite) {
    return warn(
      'persistence',
      'syncs are left out while the append-only file is rewritten: what is written then is not on disk when it is answered',
      'no-appendfsync-on-rewrite no',
    );
  }
  return fine('persistence', 'each write is synced to disk before it is answered');
}

function adviseOnMemory({ memoryLimit, evictionPolicy }: ServerFacts): RedisAdvice[] {
  if (memoryLimit === undefined || evictionPolicy === undefined) return [];
  if (memoryLimit === 0) return [fine('memory', 'there is no limit')];
  const limit = `${Math.round(memoryLimit / 2 ** 20)} MiB`;
  if (evictionPolicy === 'noeviction')
    return [fine('memory', `limit ${limit}; when it is reached, writes are refused`)];
  return [
    warn(
      'memory',
      `at the limit of ${limit} Redis drops keys (maxmemory-policy ${evictionPolicy}), and with them assignments`,
      'maxmemory-policy noeviction',
    ),
  ];
}

function adviseOnReplicas(server: ServerFacts, { kind, outOfReach }: RedisSurvey): RedisAdvice[] {
  const { replicas, persistence } = server;
  if (!replicas) return [];
  const failsOver = kind !== 'single';
  const advice: RedisAdvice[] = [];
  const online = replicas.filter(isOnline);
  if (replicas.length === 0) {
    const none =
      'no replica is connected: a failover has nobody to promote, and what only this machine has on disk is lost with it';
    advice.push(failsOver ? warn('replicas', none, 'connect two replicas') : fine('replicas', 'none is connected'));
  }
  for (const replica of replicas) {
    const fault = faultOf(replica);
    if (fault)
      advice.push(warn('replicas', `${replica.address} ${fault}`, 'see its log, and the network between the two'));
  }
  if (online.length > 0 && advice.length === 0) {
    const names = online.map(({ address }) => address).join(', ');
    const until = failsOver ? 'until a majority has given it up' : 'for 3 s';
    const alone = `; were it away, writes would be refused ${until}, then acknowledged by "${levelAlone(server, kind)}"`;
    advice.push(fine('replicas', `${online.length} online, with no lag: ${names}${online.length === 1 ? alone : ''}`));
  }
  if (persistence.appendOnly === false && replicas.length > 0) {
    advice.push(
      (failsOver ? fail : warn)(
        'replicas',
        'the primary has no append-only file: when it restarts before another is promoted it comes back with an old state or none, and the replicas copy that',
        'appendonly yes on all of them; or never let the primary start again by itself',
      ),
    );
  }
  for (const address of outOfReach) {
    advice.push(
      warn(
        'replicas',
        `${address} may become the primary, and cannot be reached from here`,
        'open it to the coordinators; behind NAT or in containers set replica-announce-ip and replica-announce-port',
      ),
    );
  }
  return advice;
}

function isOnline({ state }: ReplicaFacts): boolean {
  return state === 'online';
}

function faultOf({ state, behind, silentFor }: ReplicaFacts): string | undefined {
  if (state !== 'online') return `is not online yet (${state})`;
  const faults = [
    ...(behind > 0 ? [`lags behind by ${behind} bytes`] : []),
    ...(silentFor > SILENT_MAX ? [`has confirmed nothing for ${silentFor} s`] : []),
  ];
  return faults.length > 0 ? faults.join(' and ') : undefined;
}

function adviseOnCluster({ state, voters, replicas }: ClusterFacts, { address }: ServerFacts): RedisAdvice[] {
  const advice: RedisAdvice[] = [];
  if (state === undefined || !voters || !replicas) {
    return [
      warn(
        'cluster',
        `${address} has the fleet's slot; it does not tell the state of the cluster`,
        'allow the user +cluster|info +cluster|nodes',
      ),
    ];
  }
  if (state !== 'ok') {
    advice.push(
      fail(
        'cluster',
        `its state is "${state}": it takes no commands`,
        'redis-cli --cluster check, on any of its nodes',
      ),
    );
  }
  for (const { address } of voters.filter(({ failed }) => failed)) {
    advice.push(warn('cluster', `the primary ${address} has failed`, 'start it, or have a replica of it promoted'));
  }
  for (const { address } of replicas.filter(({ failed }) => failed)) {
    advice.push(
      warn(
        'cluster',
        `the replica ${address} has failed`,
        'start it; CLUSTER FORGET on each node if it is gone for good',
      ),
    );
  }
  if (voters.length < VOTERS_MIN) {
    advice.push(
      warn(
        'cluster',
        `${voters.length} of its primaries have slots: when one fails, there is no majority to promote a replica`,
        `spread the slots over ${VOTERS_MIN} primaries or more`,
      ),
    );
  }
  if (advice.length > 0) return advice;
  return [fine('cluster', `its state is ok; ${address} has the fleet's slot`)];
}

function adviseOnClock({ clockAhead }: ServerFacts): RedisAdvice[] {
  if (clockAhead === undefined) return [];
  if (Math.abs(clockAhead) <= SKEW_MAX) return [fine('clock', 'this machine and Redis agree')];
  const seconds = Math.round(Math.abs(clockAhead) / 1000);
  return [
    warn(
      'clock',
      `the clock of Redis is ${seconds} s ${clockAhead > 0 ? 'ahead of' : 'behind'} this one`,
      'let both follow NTP',
    ),
  ];
}

/** Without these a coordinator works, though it knows less. */
const DISPENSABLE = ['INFO', 'CONFIG GET', 'CLUSTER INFO', 'CLUSTER NODES'];

function adviseOnRights({ untold, replicas }: ServerFacts, { fleet }: RedisSurvey): RedisAdvice[] {
  const advice: RedisAdvice[] = [];
  const refused = untold.filter((each) => each.refused).map(({ question }) => question);
  // Nobody waits where there is no replica.
  const needed = refused.filter((name) => !DISPENSABLE.includes(name) && (name !== 'WAIT' || replicas?.length !== 0));
  const others = refused.filter((name) => !needed.includes(name));
  const remedy = `give it the rights of docs/redis.md, for the keys {portolan:${fleet}}:*`;
  if (needed.length > 0) advice.push(fail('rights', `the user may not ${needed.join(', ')}`, remedy));
  if (others.length > 0) advice.push(warn('rights', `the user may not ${others.join(', ')}`, remedy));
  for (const { question, reason } of untold.filter((each) => !each.refused)) {
    advice.push(warn('server', `no answer to ${question}: ${reason}`, 'ask again; see the log of Redis'));
  }
  return advice.length > 0 ? advice : [fine('rights', 'the user may read all that coordinators read, and run scripts')];
}

function adviseOnFleet({ keys }: ServerFacts, fleet: string): RedisAdvice[] {
  if (!keys) return [];
  if (keys.length === 0) return [fine('fleet', `there is nothing yet of a fleet "${fleet}"`)];
  if (keys.includes('meta')) return [fine('fleet', `"${fleet}" is there`)];
  return [
    fail(
      'fleet',
      `{portolan:${fleet}}:meta is missing, while ${keys.map((key) => `:${key}`).join(', ')} are there: coordinators refuse it`,
      'restore all keys of the fleet from one backup, or delete the others as well',
    ),
  ];
}
