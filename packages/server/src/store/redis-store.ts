import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Acknowledgement, PortolanError, type Position } from '@portolan/model';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { checkGroup } from './group-limits.ts';
import { chooseAcknowledgement, warnOfEviction } from './redis-acknowledgement.ts';
import { connectNow, connectRedis, isRefusal, isUnsent, send, unavailable } from './redis-connection.ts';
import { type FleetKeys, fleetKeys } from './redis-keys.ts';
import { readChanges } from './redis-log.ts';
import { decodeReply, encodeGroup } from './redis-program.ts';
import { readSnapshot } from './redis-snapshot.ts';
import type { Change, GroupOutcome, SnapshotChunk, Store, Transaction } from './store.ts';

export interface RedisStoreOptions {
  /** `redis://` or `rediss://`, with user, password and database number where they are needed. */
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
const SCRIPT = readFileSync(new URL('./commit.lua', import.meta.url), 'utf8');

/** @throws PortolanError `store-unavailable` when Redis cannot be reached or does not take commits */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { url, fleet = 'default', waitTimeout = 1000, logLength = 10_000, logger } = options;
  const connect = (silence: number) => connectRedis({ url, logger, silence });
  const redis = connect(waitTimeout + SILENCE);
  try {
    await connectNow(redis);
    const acknowledgement = await chooseAcknowledgement(redis, options.acknowledgement, logger);
    await warnOfEviction(redis, logger);
    const script = await loadScript(redis);
    const store = redisStore({
      redis,
      connect,
      keys: fleetKeys(fleet),
      acknowledgement,
      waitTimeout,
      logLength,
      script,
    });
    // The first commit begins the fleet's history, or a new epoch of it.
    await store.commit([]).catch((error: unknown) => {
      // Replicas may come later; until then it serves reads.
      if (!(error instanceof PortolanError) || error.code !== 'durability-unknown') throw error;
      logger?.warn(error.message);
    });
    return store;
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

interface Parts {
  readonly redis: Redis;
  readonly connect: (silence: number) => Redis;
  readonly keys: FleetKeys;
  readonly acknowledgement: Acknowledgement;
  readonly waitTimeout: number;
  readonly logLength: number;
  /** SHA-1 of the script. */
  readonly script: string;
}

function redisStore({ redis, connect, keys, acknowledgement, waitTimeout, logLength, script }: Parts): Store {
  const closed = new AbortController();
  const replicas = acknowledgement.startsWith('replicas:') ? Number(acknowledgement.slice('replicas:'.length)) : 0;

  async function commit(group: readonly Transaction[]): Promise<GroupOutcome> {
    checkGroup(group);
    if (redis.status !== 'ready') throw unavailable(new Error('no connection'));
    const nonce = String(randomInt(1, 2 ** 48 - 1));
    const args = ['4', keys.meta, keys.kv, keys.lease, keys.log, nonce, String(logLength), ...encodeGroup(group)];
    try {
      return decodeReply(await evaluate(args), group, nonce);
    } catch (error) {
      if (error instanceof PortolanError) throw error;
      if (isRefusal(error) || isUnsent(error)) throw unavailable(error);
      throw durabilityUnknown(`the connection to Redis broke before the answer (${(error as Error).message})`);
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
    const connection = connect(SILENCE);
    try {
      await connectNow(connection);
      yield* readSnapshot(connection, keys);
    } catch (error) {
      throw error instanceof PortolanError ? error : unavailable(error);
    } finally {
      connection.disconnect();
    }
  }

  async function* changes(from: Position, signal: AbortSignal): AsyncGenerator<Change[]> {
    // Its own connection, since it blocks.
    const connection = connect(2 * SILENCE);
    const until = AbortSignal.any([signal, closed.signal]);
    const stop = () => connection.disconnect();
    until.addEventListener('abort', stop);
    try {
      yield* readChanges(connection, keys, { from, until, block: SILENCE });
    } finally {
      until.removeEventListener('abort', stop);
      connection.disconnect();
    }
  }

  async function close(): Promise<void> {
    closed.abort();
    redis.disconnect();
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
