import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Acknowledgement, PortolanError, type Position } from '@portolan/model';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { checkGroup } from './group-limits.ts';
import { Outage } from './outage.ts';
import { chooseAcknowledgement, warnOfEviction } from './redis-acknowledgement.ts';
import { parseRedisUrl } from './redis-address.ts';
import { connectNow, connectRedis, isPassing, isRefusal, isUnsent, send, unavailable } from './redis-connection.ts';
import { type FleetKeys, fleetKeys } from './redis-keys.ts';
import { readChanges } from './redis-log.ts';
import { decodeReply, encodeGroup } from './redis-program.ts';
import { watchSentinels } from './redis-sentinel.ts';
import { readSnapshot } from './redis-snapshot.ts';
import type { Change, GroupOutcome, SnapshotChunk, Store, Transaction } from './store.ts';

export interface RedisStoreOptions {
  /** `redis://`, `redis+sentinel://`, `redis+cluster://`, or `rediss` for TLS: see `docs/redis.md`. */
  readonly url: string;
  /** Fleets of different names share nothing. */
  readonly fleet?: string;
  /** Without it, the surest level that this Redis gives. */
  readonly acknowledgement?: Acknowledgement;
  /** How long a commit waits for replicas, ms. */
  readonly waitTimeout?: number;
  /** How many groups the log keeps, approximately: how far back a reader can resume. */
  readonly logLength?: number;
  readonly logger?: Logger;
}

/** How long Redis may be silent with a command under way, ms, over what the command itself waits. */
const SILENCE = 5000;
/** How long one read of the feed waits for news, ms: a server that froze is noticed a SILENCE later. */
const BLOCK = 2000;
/** How long a commit that Redis refuses for the moment is sent again, ms: a slot that moves or a failover takes about so long. */
const REFUSED_FOR = 2000;
const RESEND_PAUSE = 50;
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
    await connectNow(redis);
    const acknowledgement = await chooseAcknowledgement(redis, options.acknowledgement, logger);
    await warnOfEviction(redis, logger);
    const script = await loadScript(redis);
    const store = redisStore({
      redis,
      connect,
      closed,
      keys,
      acknowledgement,
      waitTimeout,
      logLength,
      script,
      outage: new Outage(
        logger,
        'Redis takes no commits: whatever writes is refused until it does',
        'Redis takes commits again',
      ),
    });
    // The first commit begins the fleet's history, or a new epoch of it.
    await store.commit([]).catch((error: unknown) => {
      // Replicas may come later; until then it serves reads.
      if (!(error instanceof PortolanError) || error.code !== 'durability-unknown') throw error;
    });
    return store;
  } catch (error) {
    closed.abort();
    throw error;
  }
}

interface Parts {
  readonly redis: Redis;
  readonly connect: (silence: number, until: AbortSignal) => Redis;
  /** Ends all connections. */
  readonly closed: AbortController;
  readonly keys: FleetKeys;
  readonly acknowledgement: Acknowledgement;
  readonly waitTimeout: number;
  readonly logLength: number;
  /** SHA-1 of the script. */
  readonly script: string;
  readonly outage: Outage;
}

function redisStore(parts: Parts): Store {
  const { redis, connect, closed, keys, acknowledgement, waitTimeout, logLength, script, outage } = parts;
  const replicas = acknowledgement.startsWith('replicas:') ? Number(acknowledgement.slice('replicas:'.length)) : 0;

  async function commit(group: readonly Transaction[]): Promise<GroupOutcome> {
    checkGroup(group);
    const nonce = String(randomInt(1, 2 ** 48 - 1));
    const args = ['4', keys.meta, keys.kv, keys.lease, keys.log, nonce, String(logLength), ...encodeGroup(group)];
    try {
      const reply = await insist(() => evaluate(args));
      outage.worked();
      return decodeReply(reply, group, nonce);
    } catch (error) {
      const problem = problemOf(error);
      outage.failed(problem);
      throw problem;
    }
  }

  function problemOf(error: unknown): PortolanError {
    if (error instanceof PortolanError) return error;
    if (isRefusal(error) || isUnsent(error)) return unavailable(error);
    return durabilityUnknown(`the connection to Redis broke before the answer (${(error as Error).message})`);
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
        const undone = isPassing(error) || isUnsent(error);
        if (!refused || !undone || performance.now() > until || closed.signal.aborted) throw error;
        await sleep(RESEND_PAUSE);
      }
    }
  }

  /** WAIT confirms what its own connection wrote: so it follows the script there, in the same batch of commands. */
  async function evaluate(args: string[]): Promise<unknown> {
    const reply = send(redis, 'evalsha', [script, ...args]);
    const confirmed = replicas > 0 ? waitForReplicas() : undefined;
    confirmed?.catch(() => undefined);
    try {
      await reply;
    } catch (error) {
      // Redis forgets scripts when it restarts, fails over or is told to.
      if (!isRefusal(error) || !(error as Error).message.startsWith('NOSCRIPT')) throw error;
      await loadScript(redis);
      return evaluate(args);
    }
    await confirmed;
    return reply;
  }

  async function waitForReplicas(): Promise<void> {
    const count = (await send(redis, 'wait', [replicas, waitTimeout])) as number;
    if (count < replicas) {
      throw durabilityUnknown(`${count} of ${replicas} replicas confirmed the commit within ${waitTimeout} ms`, {
        count,
      });
    }
  }

  async function due(limit: number): Promise<{ leases: string[]; total: number }> {
    if (redis.status !== 'ready') throw unavailable(new Error('no connection'));
    try {
      const [time, clock, total] = (await Promise.all([
        send(redis, 'time', []),
        send(redis, 'hget', [keys.meta, 'clock']),
        send(redis, 'zcard', [keys.lease]),
      ])) as [[string, string], string | null, number];
      const now = Math.max(Math.floor(Number(time[0]) * 1000 + Number(time[1]) / 1000), Number(clock));
      const leases = (await send(redis, 'zrangebyscore', [keys.lease, '-inf', now, 'LIMIT', 0, limit])) as string[];
      return { leases, total };
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

  return { acknowledgement, commit, snapshot, changes, due, close };
}

async function loadScript(redis: Redis): Promise<string> {
  return (await send(redis, 'script', ['LOAD', SCRIPT]).catch((error: unknown) => {
    throw unavailable(error);
  })) as string;
}

function durabilityUnknown(what: string, data: Record<string, unknown> = {}): PortolanError {
  return new PortolanError('durability-unknown', `${what}: it may or may not last; ask again to find out`, data);
}
