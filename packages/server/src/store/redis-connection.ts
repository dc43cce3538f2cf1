import { once } from 'node:events';
import { PortolanError } from '@portolan/model';
import { Command, Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from './redis-address.ts';
import { SlotOwner, slotConnector } from './redis-slot.ts';

export interface ConnectionOptions {
  readonly address: RedisAddress;
  /** A key of the fleet: in a cluster it tells the node. */
  readonly key: string;
  /** A command that has waited so long for any answer, ms, breaks the connection. */
  readonly silence: number;
  /** Closes the connection for good when it aborts. */
  readonly until: AbortSignal;
  /** With `false` it is ready before Redis has loaded its data, and needs no right to ask for `INFO`. */
  readonly readyCheck?: boolean;
}

/**
 * A connection that comes back by itself but never sends a command twice: what was under way when it broke fails,
 * and so does at once what is sent while it is down.
 */
export function connectRedis({ address, key, silence, until, readyCheck = true }: ConnectionOptions): Redis {
  const owner = address.kind === 'cluster' ? new SlotOwner(address, key) : undefined;
  const redis = new Redis({
    ...whereabouts(address, owner),
    lazyConnect: true,
    enableReadyCheck: readyCheck,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // Zero: reject what was under way as soon as the connection is lost.
    maxRetriesPerRequest: 0,
    socketTimeout: silence,
    connectTimeout: 5000,
    // A frozen server never closes its end.
    disconnectTimeout: 100,
    disableClientInfo: true,
    retryStrategy,
    reconnectOnError: ({ message }) => {
      owner?.moved(message);
      // A primary that became a replica: its name may lead elsewhere by now.
      return /^(READONLY|MOVED)/.test(message);
    },
  });
  redis.on('error', (error: Error & { command?: { name: string } }) => {
    // ioredis would go on in database 0.
    if (error.command?.name === 'select') redis.disconnect(true);
  });
  stayConnected(redis, until);
  return redis;
}

function retryStrategy(attempt: number): number {
  return Math.min(2 ** attempt * 25, 2000) * (0.5 + Math.random() / 2);
}

function whereabouts(address: RedisAddress, owner: SlotOwner | undefined): RedisOptions {
  const { kind, nodes, user, database, primary, sentinelUser, tls } = address;
  const access: RedisOptions = {
    db: database,
    ...(user.name && { username: user.name }),
    ...(user.password && { password: user.password }),
    ...(tls && { tls }),
  };
  if (owner) return { ...access, Connector: slotConnector(owner, address) };
  if (kind === 'single') return { ...access, ...nodes[0] };
  return {
    ...access,
    sentinels: [...nodes],
    name: primary,
    ...(sentinelUser?.name && { sentinelUsername: sentinelUser.name }),
    ...(sentinelUser?.password && { sentinelPassword: sentinelUser.password }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    sentinelCommandTimeout: 2000,
    sentinelRetryStrategy: () => null,
  };
}

/** ioredis gives up for good where it cannot find out whom to connect to: when no sentinel or no node answers. */
function stayConnected(redis: Redis, until: AbortSignal): void {
  let attempt = 0;
  let timer: NodeJS.Timeout | undefined;
  redis.on('ready', () => {
    attempt = 0;
  });
  redis.on('end', () => {
    if (until.aborted) return;
    timer = setTimeout(() => void redis.connect().catch(() => undefined), retryStrategy(++attempt));
  });
  const close = () => {
    clearTimeout(timer);
    redis.disconnect();
  };
  if (until.aborted) close();
  else until.addEventListener('abort', close, { once: true });
}

/** Waits until the connection can be used, for ever if need be; returns at once when `signal` aborts. */
export async function whenReady(redis: Redis, signal: AbortSignal): Promise<void> {
  if (redis.status === 'wait') void redis.connect().catch(() => undefined);
  while (redis.status !== 'ready' && !signal.aborted) {
    await once(redis, 'ready', { signal }).catch(() => undefined);
  }
}

/**
 * The first connection.
 *
 * @throws PortolanError `store-unavailable`, with the reason
 */
export async function connectNow(redis: Redis): Promise<void> {
  let reason: unknown;
  const note = (error: Error) => {
    reason ??= error;
  };
  redis.on('error', note);
  try {
    await redis.connect();
  } catch (error) {
    throw unavailable(reason ?? error);
  } finally {
    redis.off('error', note);
  }
}

/** Sends one command. Answers are texts, integers, nulls and arrays of them. */
export function send(redis: Redis, name: string, args: readonly (string | number)[]): Promise<unknown> {
  return redis.sendCommand(
    new Command(name, args as (string | number)[], { replyEncoding: 'utf8' }),
  ) as Promise<unknown>;
}

/** Whether Redis itself refused the command; else the connection failed and the command may have been carried out. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Whether Redis refused what it will take in a moment: it starts, fails over, or moves the fleet's slot to another node. */
export function isPassing(error: unknown): boolean {
  return isRefusal(error) && PASSING.test((error as Error).message);
}

const PASSING = /^(LOADING|MASTERDOWN|UNBLOCKED|CLUSTERDOWN|TRYAGAIN|BUSY|READONLY|MOVED|ASK)\b/;

/** Whether ioredis gave up before it sent anything, since the connection was down. */
export function isUnsent(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Stream isn't writeable");
}

/** The error that callers of the store see when nothing was done. It has no cause: ioredis puts all arguments in it. */
export function unavailable(error: unknown): PortolanError {
  const reason = reasonOf(error);
  const what = `Redis cannot be used now (${reason}); nothing was changed, try again later`;
  return new PortolanError('store-unavailable', what, { reason });
}

export const BROKEN = 'the connection broke';

/** Why something failed, for whoever runs Redis: ioredis tells of its own options, and Redis of our script. */
export function reasonOf(error: unknown): string {
  if (error instanceof PortolanError && typeof error.data.reason === 'string') return error.data.reason;
  const message = error instanceof Error ? error.message : String(error);
  if (/^Reached the max retries per request|^Connection is closed/.test(message)) return BROKEN;
  if (isUnsent(error)) return 'there is no connection';
  const silent = /^Socket timeout\b.* (\d+)ms/.exec(message);
  if (silent) return `no answer within ${Number(silent[1]) / 1000} s`;
  if (message.startsWith('READONLY')) return 'READONLY: it is a replica, which takes no writes';
  return message.replace(/,? script: [0-9a-f]{40}, on @user_script:\d+\.?/, '');
}
