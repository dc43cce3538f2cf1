import { Redis } from 'ioredis';
import type { RedisAddress } from './redis-address.ts';

/**
 * Tells when the sentinels made another server the primary. Without that, one that was cut off rather than killed would
 * be kept until it had been silent for long.
 *
 * @param until ends it
 */
export function watchSentinels(address: RedisAddress, until: AbortSignal, onSwitch: () => void): void {
  const { nodes, primary, sentinelUser, tls } = address;
  for (const node of nodes) {
    const sentinel = new Redis({
      ...node,
      ...(sentinelUser?.name && { username: sentinelUser.name }),
      ...(sentinelUser?.password && { password: sentinelUser.password }),
      ...(tls && { tls }),
      enableReadyCheck: false,
      disableClientInfo: true,
      maxRetriesPerRequest: null,
      retryStrategy: (attempt) => Math.min(attempt * 500, 5000),
    });
    // The others tell as well, and this one when it is back.
    sentinel.on('error', () => {});
    sentinel.on('message', (_channel, message: string) => {
      if (message.startsWith(`${primary} `)) onSwitch();
    });
    sentinel.subscribe('+switch-master').catch(() => {});
    until.addEventListener('abort', () => sentinel.disconnect(), { once: true });
  }
}
