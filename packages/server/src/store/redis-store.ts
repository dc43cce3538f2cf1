import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Acknowledgement, PortolanError, type Position } from '@portolan/model';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { checkGroup } from './group-limits.ts';
import { Outage } from './outage.ts';
import { parseRedisUrl } from './redis-address.ts';
import {
  BROKEN,
  connectNow,
  connectRedis,
  isPassing,
  isRefusal,
  isUnsent,
  reasonOf,
  send,
  unavailable,
} from './redis-connection.ts';
import { DurabilityWatch } from './redis-durability.ts';
import { type FleetKeys, fleetKeys } from './redis-keys.ts';
import { readChanges } from './redis-log.ts';
import { warnOfEviction } from './redis-persistence.ts';
import { decodeReply, encodeGroup, type Reply } from './redis-program.ts';
import { replicationOf } from './redis-promotion.ts';
import { watchSentinels } from './redis-sentinel.ts';
import { readSnapshot } from './redis-snapshot.ts';
import {
  type Change,
  CLOCK_STEP_MAX,
  type DueLeases,
  type GroupOutcome,
  type SnapshotChunk,
  type Store,
  type Transaction,
} from './store.ts';

export interface RedisStoreOptions {
  /** `redis://`, `redis+sentinel://`, `redis+cluster://`, or `rediss` for TLS: see `docs/redis.md`. */
  readonly url: string;
  /** Fleets of different names share nothing. */
  readonly fleet?: string;
  /** Without it, the surest level that this Redis gives, followed as its replicas come and go. */
  readonly acknowledgement?: Acknowledgement;
  /** How long a commit waits for replicas, ms. */
  readonly waitTimeout?: number;
  /** How often it is looked at what this Redis can give, ms. */
  readonly lookEvery?: number;
  /** How many groups the log keeps, approximately: how far back a reader can resume. */
  readonly logLength?: number;
  readonly logger?: Logger;
}

/** How long Redis may be silent with a command under way, ms, over what the command itself waits. */
const SILENCE = 5000;
/**
 * How long whoever commits waits for the answer, ms, over what the commit itself waits: together less than the shortest
 * lease, so that the same can be asked of another coordinator in time.
 */
const ANSWER_WITHIN = 2500;
/** How long one read of the feed waits for news, ms: a server that froze is noticed a SILENCE later. */
const BLOCK = 2000;
/** How long a commit that Redis refuses for the moment is sent again, ms: a slot that moves or a failover takes about so long. */
const REFUSED_FOR = 2000;
const RESEND_PAUSE = 50;
/** ms */
const CONFIRM_PAUSE = 5;
const SCRIPT = readFileSync(new URL('./commit.lua', import.meta.url), 'utf8');

/** @throws PortolanError `invalid-request` for the URL; `store-unavailable` when Redis cannot be reached or takes no commits */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { url, fleet = 'default', waitTimeout = 1000, logLength = 10_000, logger } = options;
  const address = parseRedisUrl(url);
  const keys = fleetKeys(fleet);
  const closed = new AbortController();
  const connections = new Set<Redis>();
  const connect = (silence: number, until: AbortSignal) => {
    const redis = connectRedis({ address, key: keys.meta, silence, until });
    connections.add(redis);
    until.addEventListener('abort', () => connections.delete(redis), { once: true });
    return redis;
  };
  const redis = connect(waitTimeout + SILENCE, closed.signal);
  if (address.kind === 'sentinel') {
    watchSentinels(address, closed.signal, () => {
      for (const each of connections) {
        if (each.status === 'ready' || each.status === 'connect') each.disconnect(true);
      }
    });
  }
  try {
    const wanted = options.acknowledgement;
    const durability = new DurabilityWatch({
      redis,
      address,
      wanted,
      logger,
      until: closed.signal,
      lookEvery: options.lookEvery,
    });
    await connectNow(redis);
    const { refused } = await durability.choose();
    if (refused !== null) throw notToBeHad(wanted!, refused);
    await warnOfEviction(redis, logger);
    const script = await loadScript(redis);
    const store = redisStore({
      redis,
      connect,
      closed,
      keys,
      durability,
      waitTimeout,
      logLength,
      script,
      outage: new Outage(
        logger,
        'Redis is not accepting commits: writes are refused until it is',
        'Redis accepts commits again',
      ),
    });
    // The first commit begins the fleet's history, or a new epoch of it.
    await store.commit([]).catch(async (error: unknown) => {
      // Replicas may come later; until then it serves reads.
      if (!(error instanceof PortolanError) || error.code !== 'durability-unknown') throw error;
      if (wanted?.startsWith('replicas:')) await warnOfTooFew(redis, wanted, logger);
    });
    return store;
  } catch (error) {
    closed.abort();
    throw error;
  }
}

async function warnOfTooFew(redis: Redis, wanted: Acknowledgement, logger: Logger | undefined): Promise<void> {
  const info = await send(redis, 'info', ['replication']).catch(() => '');
  const online = replicationOf(String(info)).online.size;
  logger?.warn(
    { asked: wanted, online },
    `"${wanted}" was asked for, and ${online} ${online === 1 ? 'replica is' : 'replicas are'} online: every write is refused until there are enough`,
  );
}

interface Parts {
  readonly redis: Redis;
  readonly connect: (silence: number, until: AbortSignal) => Redis;
  /** Ends all connections. */
  readonly closed: AbortController;
  readonly keys: FleetKeys;
  readonly durability: DurabilityWatch;
  readonly waitTimeout: number;
  readonly logLength: number;
  /** SHA-1 of the script. */
  readonly script: string;
  readonly outage: Outage;
}

function redisStore(parts: Parts): Store {
  const { redis, connect, closed, keys, durability, waitTimeout, logLength, script, outage } = parts;

  async function commit(group: readonly Transaction[]): Promise<GroupOutcome> {
    checkGroup(group);
    const nonce = String(randomInt(1, 2 ** 48 - 1));
    const args = ['4', keys.meta, keys.kv, keys.lease, keys.log, nonce, String(logLength), ...encodeGroup(group)];
    const decode = (reply: unknown) => decodeReply(reply, group, nonce);
    try {
      const outcome = await answeredInTime(insist(() => evaluate(args, decode)));
      outage.worked();
      return outcome;
    } catch (error) {
      const problem = problemOf(error);
      outage.failed(problem);
      throw problem;
    }
  }

  function problemOf(error: unknown): PortolanError {
    if (error instanceof PortolanError) return error;
    if (isRefusal(error) || isUnsent(error)) return unavailable(error);
    const reason = reasonOf(error);
    const why = reason === BROKEN ? '' : ` (${reason})`;
    return durabilityUnknown(`the connection to Redis broke before the answer${why}`);
  }

  /** Sends it again as long as Redis says that it was not done and soon can be. What may have been done is not sent twice. */
  async function insist<T>(attempt: () => Promise<T>): Promise<T> {
    const until = performance.now() + REFUSED_FOR;
    let refused = false;
    for (;;) {
      try {
        if (redis.status !== 'ready' && !refused) throw unavailable(new Error('no connection'));
        return await attempt();
      } catch (error) {
        refused ||= isPassing(error);
        const undone = isPassing(error) || isUnsent(error) || isUnavailable(error);
        if (!refused || !undone || performance.now() > until || closed.signal.aborted) throw error;
        await sleep(RESEND_PAUSE);
      }
    }
  }

  /** WAIT confirms what its own connection wrote: so it follows the script there, in the same batch of commands. */
  async function evaluate(args: string[], decode: (reply: unknown) => Reply): Promise<GroupOutcome> {
    const { level, replicas, refused } = durability.chosen ? durability.current : await durability.choose();
    if (refused !== null) throw notToBeHad(level, refused);
    const answer = send(redis, 'evalsha', [script, ...args]);
    const confirmed = replicas > 0 ? confirmation(replicas) : undefined;
    confirmed?.catch(() => undefined);
    let reply: Reply;
    try {
      reply = decode(await answer);
    } catch (error) {
      // Redis forgets scripts when it restarts, fails over or is told to.
      if (!isRefusal(error) || !(error as Error).message.startsWith('NOSCRIPT')) throw error;
      await loadScript(redis);
      return evaluate(args, decode);
    }
    const { replicas: connected, ...outcome } = reply;
    // A replica that came since may be the one to be promoted.
    const late = confirmed === undefined && connected > 0 && durability.followed ? confirmation(connected) : undefined;
    const count = await (confirmed ?? late);
    const raised = count !== undefined && level !== 'memory' && durability.followed;
    return { ...outcome, acknowledgement: raised ? `replicas:${count}` : level };
  }

  /**
   * Waits until the replicas that have to confirm what was sent before have done so.
   *
   * @param replicas how many these are likely to be
   * @returns how many they were
   * @throws PortolanError `durability-unknown`, whatever goes wrong: the group was applied
   */
  async function confirmation(replicas: number): Promise<number> {
    try {
      return durability.followed ? await confirmationByAll(replicas) : await confirmationBy(replicas);
    } catch (error) {
      if (error instanceof PortolanError) throw error;
      throw durabilityUnknown(`no replica confirmed (${reasonOf(error)})`);
    }
  }

  async function confirmationBy(replicas: number): Promise<number> {
    const count = (await send(redis, 'wait', [replicas, waitTimeout])) as number;
    if (count < replicas) throw unconfirmed(count, replicas);
    return count;
  }

  async function confirmationByAll(likely: number): Promise<number> {
    const until = performance.now() + waitTimeout;
    const asked = send(redis, 'info', ['replication']);
    let waited = send(redis, 'wait', [likely, waitTimeout]);
    let told = send(redis, 'info', ['replication']);
    told.catch(() => undefined);
    waited.catch(() => undefined);
    const { written } = replicationOf((await asked) as string);
    for (;;) {
      const count = (await waited) as number;
      const { online } = replicationOf((await told) as string);
      const confirmed = durability.confirmed(online, written);
      if (typeof confirmed === 'number') return confirmed;
      const left = Math.ceil(until - performance.now());
      if (confirmed === null || left <= 0) throw unconfirmed(count, Math.max(likely, online.size));
      // Those that are there have more to do, or there are more of them than it seemed.
      await sleep(CONFIRM_PAUSE);
      waited = send(redis, 'wait', [online.size, left]);
      told = send(redis, 'info', ['replication']);
      told.catch(() => undefined);
    }
  }

  function unconfirmed(count: number, replicas: number): PortolanError {
    durability.doubt();
    const what = `${count} of ${replicas} replicas confirmed the commit within ${waitTimeout} ms${durability.hint}`;
    return durabilityUnknown(what, { count });
  }

  async function answeredInTime<T>(answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const within = waitTimeout + ANSWER_WITHIN;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(durabilityUnknown(`Redis did not answer within ${within} ms`)), within);
    });
    return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  async function due(limit: number): Promise<DueLeases> {
    if (redis.status !== 'ready') throw unavailable(new Error('no connection'));
    try {
      const [told, [clock, since], total] = (await Promise.all([
        send(redis, 'time', []),
        send(redis, 'hmget', [keys.meta, 'clock', 'time']),
        send(redis, 'zcard', [keys.lease]),
      ])) as [[string, string], [string | null, string | null], number];
      const now = Math.floor(Number(told[0]) * 1000 + Number(told[1]) / 1000);
      // As in `commit.lua`.
      const from = Number(clock ?? now);
      const time = from + Math.min(Math.max(now - Number(since ?? from), 0), CLOCK_STEP_MAX);
      const range = [keys.lease, '-inf', time, 'WITHSCORES', 'LIMIT', 0, limit];
      const found = (await send(redis, 'zrangebyscore', range)) as string[];
      const leases = found.filter((_, i) => i % 2 === 0);
      return { leases, deadlines: found.filter((_, i) => i % 2 === 1).map(Number), total, time };
    } catch (error) {
      throw unavailable(error);
    }
  }

  async function* snapshot(): AsyncGenerator<SnapshotChunk> {
    const done = new AbortController();
    const connection = connect(SILENCE, AbortSignal.any([done.signal, closed.signal]));
    try {
      await connectNow(connection);
      yield* readSnapshot(connection, keys);
    } catch (error) {
      throw error instanceof PortolanError ? error : unavailable(error);
    } finally {
      done.abort();
    }
  }

  async function* changes(
    from: Position,
    signal: AbortSignal,
    has?: (position: Position) => boolean,
  ): AsyncGenerator<Change[]> {
    const done = new AbortController();
    const until = AbortSignal.any([signal, closed.signal, done.signal]);
    try {
      // Its own connection, since it blocks.
      yield* readChanges(connect(BLOCK + SILENCE, until), keys, { from, until, block: BLOCK, has });
    } finally {
      done.abort();
    }
  }

  async function close(): Promise<void> {
    closed.abort();
  }

  return {
    get acknowledgement() {
      return durability.current.level;
    },
    get lowered() {
      return durability.current.lowered;
    },
    commit,
    snapshot,
    changes,
    due,
    close,
  };
}

async function loadScript(redis: Redis): Promise<string> {
  return (await send(redis, 'script', ['LOAD', SCRIPT]).catch((error: unknown) => {
    throw unavailable(error);
  })) as string;
}

function isUnavailable(error: unknown): boolean {
  return error instanceof PortolanError && error.code === 'store-unavailable';
}

function notToBeHad(level: Acknowledgement, reason: string): PortolanError {
  return new PortolanError(
    'store-unavailable',
    `the acknowledgement "${level}" was asked for, but ${reason}; nothing was changed: set "appendonly yes" and ` +
      '"appendfsync always" in Redis, or ask for "memory"',
    { level },
  );
}

function durabilityUnknown(what: string, data: Record<string, unknown> = {}): PortolanError {
  return new PortolanError(
    'durability-unknown',
    `${what}: the change may or may not have survived; repeat the request to find out`,
    data,
  );
}
