import { once } from 'node:events';
import { PortolanError } from '@portolan/model';
import { Command, Redis } from 'ioredis';
import type { Logger } from 'pino';

export interface ConnectionOptions {
  /** `redis://` or `rediss://`, with user, password and database number where they are needed. */
  readonly url: string;
  readonly logger?: Logger | undefined;
  /** A command that has waited so long for any answer, ms, breaks the connection. */
  readonly silence: number;
}

/**
 * A connection that comes back by itself but never sends a command twice: what was under way when it broke fails,
 * and so does at once what is sent while it is down.
 */
export function connectRedis({ url, logger, silence }: ConnectionOptions): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // Zero: reject what was under way as soon as the connection is lost.
    maxRetriesPerRequest: 0,
    socketTimeout: silence,
    connectTimeout: 5000,
    retryStrategy: (attempt) => Math.min(2 ** attempt * 25, 2000) * (0.5 + Math.random() / 2),
    // A primary that became a replica: its name may lead elsewhere by now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  redis.on('error', (error: Error) =>
    logger?.warn({ error: error.message }, 'the connection to Redis failed; trying again'),
  );
  return redis;
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
    reason = error;
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

/** Whether ioredis gave up before it sent anything, since the connection was down. */
export function isUnsent(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Stream isn't writeable");
}

/** The error that callers of the store see when nothing was done. It has no cause: ioredis puts all arguments in it. */
export function unavailable(error: unknown): PortolanError {
  const reason = error instanceof Error ? error.message : String(error);
  return new PortolanError(
    'store-unavailable',
    `Redis cannot be used now (${reason}); nothing was changed, try again later`,
    {
      reason,
    },
  );
}
