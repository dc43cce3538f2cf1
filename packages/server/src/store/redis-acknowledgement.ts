import { type Acknowledgement, PortolanError } from '@portolan/model';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

/**
 * The level that this Redis can truly give: `replicas:1` when it has a replica, else `disk` when each write is synced
 * before its answer, else `memory`.
 *
 * @param wanted a level that the operator asked for, which is never lowered in silence
 * @throws PortolanError `store-unavailable` when `disk` is wanted and Redis says that it does not sync each write
 */
export async function chooseAcknowledgement(
  redis: Redis,
  wanted: Acknowledgement | undefined,
  logger: Logger | undefined,
): Promise<Acknowledgement> {
  const replicas = await connectedReplicas(redis);
  const persistence = await persistenceOf(redis);
  if (wanted?.startsWith('replicas:')) {
    const needed = Number(wanted.slice('replicas:'.length));
    if (replicas !== undefined && replicas < needed) {
      logger?.warn(
        { needed, replicas },
        'fewer replicas are connected than each commit waits for: commits stay unconfirmed until they are',
      );
    }
    return wanted;
  }
  if (wanted === 'disk' && persistence !== 'always' && persistence !== 'unknown') {
    throw new PortolanError(
      'store-unavailable',
      `the acknowledgement "disk" was asked for, but ${persistenceText[persistence]}; ` +
        'set "appendonly yes" and "appendfsync always" in Redis, or ask for "memory"',
      { persistence },
    );
  }
  if (wanted === 'disk' && persistence === 'unknown') {
    logger?.warn(
      'Redis does not tell whether it syncs each write to disk (CONFIG GET is refused); taking the word of the configuration',
    );
  }
  if (wanted) return wanted;
  if (replicas) return 'replicas:1';
  if (persistence === 'always') return 'disk';
  logger?.warn(
    { persistence },
    `commits are acknowledged in memory only: ${persistenceText[persistence]}, and no replica is connected`,
  );
  return 'memory';
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

type Persistence = 'always' | 'lazy' | 'off' | 'unknown';

const persistenceText: Record<Persistence, string> = {
  always: 'Redis syncs each write to disk',
  lazy: 'Redis writes its append-only file but does not sync each write ("appendfsync" is not "always")',
  off: 'Redis keeps no append-only file',
  unknown: 'Redis does not tell how it persists (CONFIG GET is refused)',
};

async function persistenceOf(redis: Redis): Promise<Persistence> {
  const config = await configOf(redis, ['appendonly', 'appendfsync']);
  if (!config) return 'unknown';
  if (config.get('appendonly') !== 'yes') return 'off';
  return config.get('appendfsync') === 'always' ? 'always' : 'lazy';
}

/** `undefined` when the user may not ask. */
async function connectedReplicas(redis: Redis): Promise<number | undefined> {
  const info = await redis.info('replication').catch(() => undefined);
  const count = info && /^connected_slaves:(\d+)/m.exec(info)?.[1];
  return count === undefined ? undefined : Number(count);
}

async function configOf(redis: Redis, names: string[]): Promise<Map<string, string> | undefined> {
  try {
    const replies = await Promise.all(names.map((name) => redis.config('GET', name)));
    return new Map(replies.map((reply) => reply as [string, string]));
  } catch {
    return undefined;
  }
}
