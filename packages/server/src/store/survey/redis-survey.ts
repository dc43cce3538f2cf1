import { setTimeout as sleep } from 'node:timers/promises';
import { parseRedisUrl, type RedisAddress, type RedisNode } from '../redis-address.ts';
import { connectNow, connectRedis, reasonOf } from '../redis-connection.ts';
import { type FleetKeys, fleetKeys } from '../redis-keys.ts';
import { type PrimaryFacts, type Promotion, primaryFacts, promotionOf } from '../redis-promotion.ts';
import { SlotOwner } from '../redis-slot.ts';
import { type ClusterFacts, surveyCluster } from './redis-cluster-survey.ts';
import { isReachable, nodeText, parseNodeText } from './redis-node.ts';
import { ANSWER_WITHIN, infoFields, Questioner, type Untold, within } from './redis-question.ts';
import { type SentinelFacts, surveySentinels } from './redis-sentinel-survey.ts';

/** What a Redis set-up tells of itself. A fact is `undefined` where the server does not tell it; `untold` says why. */
export interface RedisSurvey {
  readonly kind: RedisAddress['kind'];
  readonly fleet: string;
  /** The server that coordinators write to, or why it could not be asked. */
  readonly server: ServerFacts | { readonly address: string | undefined; readonly unreachable: string };
  /** One for each sentinel of the URL; none without Sentinel. */
  readonly sentinels: readonly SentinelFacts[];
  /** Of a cluster alone. */
  readonly cluster: ClusterFacts | undefined;
  /** Replicas that may become the primary and whose ports cannot be reached from here, `host:port`. */
  readonly outOfReach: readonly string[];
}

export interface ServerFacts {
  /** `host:port` */
  readonly address: string;
  readonly unreachable?: undefined;
  readonly version: string | undefined;
  readonly mode: string | undefined;
  readonly role: string | undefined;
  /** Of a replica: `host:port`. */
  readonly replicaOf: string | undefined;
  readonly persistence: PersistenceFacts;
  /** Bytes; 0 is no limit. */
  readonly memoryLimit: number | undefined;
  readonly evictionPolicy: string | undefined;
  /** Those that are connected to it. */
  readonly replicas: readonly ReplicaFacts[] | undefined;
  /** What coordinators go by when they choose how surely they answer. */
  readonly primary: PrimaryFacts;
  /** As `primary`, from those who decide on promotions; `undefined` where nobody does. */
  readonly promotion: Promotion | undefined;
  /** How far its clock is ahead of this machine's, ms. */
  readonly clockAhead: number | undefined;
  /** Which keys of the fleet are there. */
  readonly keys: readonly (keyof FleetKeys)[] | undefined;
  readonly untold: readonly Untold[];
}

export interface PersistenceFacts {
  readonly appendOnly: boolean | undefined;
  /** `always`, `everysec` or `no`. */
  readonly appendSync: string | undefined;
  /** Whether syncs are left out while the append-only file is rewritten. */
  readonly skipsSyncOnRewrite: boolean | undefined;
  readonly lastAppendFailed: boolean | undefined;
  readonly lastSnapshotFailed: boolean | undefined;
  /** Whether writes are refused after a snapshot that failed. */
  readonly refusesAfterFailedSnapshot: boolean | undefined;
}

export interface ReplicaFacts {
  /** `host:port` */
  readonly address: string;
  /** `online` once it has all that was there when it connected. */
  readonly state: string;
  /** Bytes that the primary had written when it was asked first and that this one did not confirm within 2.5 s. */
  readonly behind: number;
  /** Seconds since it confirmed anything; it does so each second. */
  readonly silentFor: number;
}

/** How long a server may take until it can be asked, ms. */
const CONNECT_WITHIN = 5000;
/** Replicas confirm once a second what they have, ms. */
const CONFIRM_WITHIN = 2500;
const CONFIRM_PAUSE = 100;

/**
 * Looks at a Redis set-up as a coordinator would find it. Writes nothing.
 *
 * @throws PortolanError `invalid-request` for the URL; what cannot be reached is a fact
 */
export async function surveyRedis(url: string, fleet = 'default'): Promise<RedisSurvey> {
  const address = parseRedisUrl(url);
  const keys = fleetKeys(fleet);
  const done = new AbortController();
  try {
    const sentinels = address.kind === 'sentinel' ? await surveySentinels(address, done.signal) : [];
    const { server, cluster } = await surveyPrimary(address, keys, sentinels, done.signal);
    const replicas = address.kind === 'single' ? new Set<string>() : candidates(server, sentinels);
    const outOfReach = await unreachable(replicas);
    return { kind: address.kind, fleet, server, sentinels, cluster, outOfReach };
  } finally {
    done.abort();
  }
}

async function surveyPrimary(
  address: RedisAddress,
  keys: FleetKeys,
  sentinels: readonly SentinelFacts[],
  until: AbortSignal,
): Promise<Pick<RedisSurvey, 'server' | 'cluster'>> {
  let place: RedisNode | undefined;
  try {
    place = await placeOf(address, keys, sentinels);
    const single = { ...address, kind: 'single' as const, nodes: [place] };
    // Without the check for readiness: a Redis that loads says so, and what the user may not ask is told by the survey.
    const redis = connectRedis({ address: single, key: keys.meta, silence: ANSWER_WITHIN, until, readyCheck: false });
    await within(CONNECT_WITHIN, connectNow(redis));
    const questioner = new Questioner(redis);
    const cluster = address.kind === 'cluster' ? await surveyCluster(questioner) : undefined;
    const told = await surveyServer(questioner, nodeText(place), keys);
    const primary = await primaryFacts(redis);
    const server = { ...told, primary, promotion: await promotionOf(redis, address, primary) };
    return { server, cluster };
  } catch (error) {
    return { server: { address: place && nodeText(place), unreachable: reasonOf(error) }, cluster: undefined };
  }
}

async function placeOf(
  address: RedisAddress,
  keys: FleetKeys,
  sentinels: readonly SentinelFacts[],
): Promise<RedisNode> {
  if (address.kind === 'cluster') return new SlotOwner(address, keys.meta).find();
  if (address.kind === 'single') return address.nodes[0] as RedisNode;
  const primaries = sentinels.flatMap(({ view }) => view?.primary ?? []);
  const votes = Map.groupBy(primaries, (each) => each);
  const [first] = [...votes].sort(([, a], [, b]) => b.length - a.length);
  if (!first) throw new Error('no sentinel says where the primary is');
  return parseNodeText(first[0]);
}

type ToldFacts = Omit<ServerFacts, 'primary' | 'promotion'>;

/** @throws Error when it cannot answer for the moment */
async function surveyServer(questioner: Questioner, address: string, keys: FleetKeys): Promise<ToldFacts> {
  const [info, config, clockAhead, present] = await Promise.all([
    questioner.ask('INFO').then(infoFields),
    configOf(questioner),
    clockAheadOf(questioner),
    keysOf(questioner, keys),
    tryRights(questioner, keys),
  ]);
  const silent = questioner.untold.find(({ question, refused }) => question === 'INFO' && !refused);
  if (silent) throw new Error(silent.reason);
  if (info.get('loading') === '1') throw new Error('no answer yet: it loads its data');
  const role = info.get('role');
  // Replicas know of no replicas of their own that count, and refuse it.
  if (role === 'master') await questioner.ask('WAIT', 0, 1);
  const replicas = role === 'master' ? await replicasOf(questioner, info) : undefined;
  const told = <T>(value: string | undefined, read: (value: string) => T) =>
    value === undefined ? undefined : read(value);
  return {
    address,
    version: info.get('redis_version'),
    mode: info.get('redis_mode'),
    role,
    replicaOf: role === 'slave' ? `${info.get('master_host')}:${info.get('master_port')}` : undefined,
    persistence: {
      appendOnly: told(info.get('aof_enabled'), (value) => value === '1') ?? told(config.get('appendonly'), isYes),
      appendSync: config.get('appendfsync'),
      skipsSyncOnRewrite: told(config.get('no-appendfsync-on-rewrite'), isYes),
      lastAppendFailed: told(info.get('aof_last_write_status'), (value) => value !== 'ok'),
      lastSnapshotFailed: told(info.get('rdb_last_bgsave_status'), (value) => value !== 'ok'),
      refusesAfterFailedSnapshot: told(
        config.get('stop-writes-on-bgsave-error'),
        (value) => isYes(value) && config.get('save') !== '',
      ),
    },
    memoryLimit: told(info.get('maxmemory') ?? config.get('maxmemory'), Number),
    evictionPolicy: info.get('maxmemory_policy') ?? config.get('maxmemory-policy'),
    replicas,
    clockAhead,
    keys: present,
    untold: questioner.untold,
  };
}

const isYes = (value: string) => value === 'yes';

const SETTINGS = [
  ...['appendonly', 'appendfsync', 'no-appendfsync-on-rewrite', 'save', 'stop-writes-on-bgsave-error'],
  ...['maxmemory', 'maxmemory-policy'],
];

/** One question each: several at once are for Redis 7. */
async function configOf(questioner: Questioner): Promise<ReadonlyMap<string, string>> {
  const replies = await Promise.all(SETTINGS.map((name) => questioner.ask('CONFIG GET', name)));
  return new Map(replies.filter((reply): reply is [string, string] => Array.isArray(reply) && reply.length === 2));
}

async function clockAheadOf(questioner: Questioner): Promise<number | undefined> {
  const asked = Date.now();
  const time = (await questioner.ask('TIME')) as [string, string] | undefined;
  const between = (asked + Date.now()) / 2;
  return time && Number(time[0]) * 1000 + Number(time[1]) / 1000 - between;
}

async function keysOf(questioner: Questioner, keys: FleetKeys): Promise<ServerFacts['keys']> {
  const names = Object.keys(keys) as (keyof FleetKeys)[];
  const counts = await Promise.all(names.map((name) => questioner.ask('EXISTS', keys[name])));
  return counts.includes(undefined) ? undefined : names.filter((_name, i) => counts[i] === 1);
}

/** Asks for little of what coordinators read, to hear whether this user may. What only writes is not tried. */
async function tryRights(questioner: Questioner, { meta, kv, lease, log }: FleetKeys): Promise<void> {
  await Promise.all([
    questioner.ask('HMGET', meta, 'head', 'epoch'),
    questioner.ask('HSCAN', kv, 0, 'COUNT', 1),
    questioner.ask('ZCARD', lease),
    questioner.ask('ZRANGEBYSCORE', lease, '-inf', '-inf', 'LIMIT', 0, 1),
    questioner.ask('XREAD', 'COUNT', 1, 'STREAMS', log, '0-0'),
    // There is no such script, which Redis says only to those who may run one.
    questioner.ask('EVALSHA', '0'.repeat(40), 4, meta, kv, lease, log),
  ]);
}

/** Waits a moment for replicas to confirm: under load each is always a little behind. */
async function replicasOf(questioner: Questioner, info: ReadonlyMap<string, string>): Promise<ReplicaFacts[]> {
  const written = Number(info.get('master_repl_offset'));
  const deadline = performance.now() + CONFIRM_WITHIN;
  let lines = replicaLines(info);
  while (lines.some((line) => Number(line.get('offset')) < written) && performance.now() < deadline) {
    await sleep(CONFIRM_PAUSE);
    const later = await questioner.ask('INFO', 'replication');
    if (later === undefined) break;
    lines = replicaLines(infoFields(later));
  }
  return lines.map((line) => ({
    address: `${line.get('ip')}:${line.get('port')}`,
    state: line.get('state') ?? '',
    behind: Math.max(0, written - Number(line.get('offset'))),
    silentFor: Number(line.get('lag')),
  }));
}

/** `slave0:ip=10.0.0.6,port=6379,state=online,offset=422,lag=0` */
function replicaLines(info: ReadonlyMap<string, string>): ReadonlyMap<string, string>[] {
  const lines = [...info].filter(([name]) => /^slave\d+$/.test(name));
  return lines.map(([, line]) => new Map(line.split(',').map((field) => field.split('=', 2) as [string, string])));
}

/** Who may be promoted: replicas that are connected, or that a sentinel does not hold for down. */
function candidates(server: RedisSurvey['server'], sentinels: readonly SentinelFacts[]): Set<string> {
  const connected = server.unreachable === undefined ? (server.replicas ?? []) : [];
  const known = sentinels.flatMap(({ view }) => view?.replicas?.filter(({ down }) => !down) ?? []);
  return new Set([...connected, ...known].map(({ address }) => address));
}

async function unreachable(addresses: ReadonlySet<string>): Promise<string[]> {
  const each = await Promise.all(
    Array.from(addresses, async (address) => ({ address, reached: await isReachable(parseNodeText(address)) })),
  );
  return each.filter(({ reached }) => !reached).map(({ address }) => address);
}
