import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

/** How a Redis keeps what it was told: `always`, each write synced before its answer; `lazy`, a moment later; `off`, not at all. */
export type Persistence = 'always' | 'lazy' | 'off' | 'unknown';

export const persistenceText: Record<Persistence, string> = {
  always: 'Redis syncs each write to disk',
  lazy: 'Redis keeps an append-only file but does not sync each write (this requires "appendfsync always" and "no-appendfsync-on-rewrite no")',
  off: 'Redis keeps no append-only file',
  unknown: 'Redis does not tell how it persists (CONFIG GET is refused)',
};

export async function persistenceOf(redis: Redis): Promise<Persistence> {
  const config = await configOf(redis, ['appendonly', 'appendfsync', 'no-appendfsync-on-rewrite']);
  if (!config) return 'unknown';
  if (config.get('appendonly') !== 'yes') return 'off';
  // During a rewrite of the file Redis would leave the syncing out.
  if (config.get('no-appendfsync-on-rewrite') === 'yes') return 'lazy';
  return config.get('appendfsync') === 'always' ? 'always' : 'lazy';
}

/** Warns when Redis may drop keys to save memory, since a dropped key is a forgotten promise. */
export async function warnOfEviction(redis: Redis, logger: Logger | undefined): Promise<void> {
  const config = await configOf(redis, ['maxmemory', 'maxmemory-policy']);
  const policy = config?.get('maxmemory-policy');
  if (policy && policy !== 'noeviction' && config?.get('maxmemory') !== '0') {
    logger?.warn(
      { policy },
      'Redis drops keys when memory is short, and with them assignments; set "maxmemory-policy noeviction"',
    );
  }
}

/** `undefined` when the user may not ask. @throws the connection's error when that is what failed */
async function configOf(redis: Redis, names: string[]): Promise<Map<string, string> | undefined> {
  try {
    const replies = await Promise.all(names.map((name) => redis.config('GET', name)));
    return new Map(replies.map((reply) => reply as [string, string]));
  } catch (error) {
    if ((error as Error).name !== 'ReplyError') throw error;
    return undefined;
  }
}
