import { Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress, RedisNode } from './redis-address.ts';

/** To ask one sentinel, as the sentinels' own user. */
export function sentinelOptions({ sentinelUser, tls }: RedisAddress, node: RedisNode): RedisOptions {
  return {
    ...node,
    ...(sentinelUser?.name && { username: sentinelUser.name }),
    ...(sentinelUser?.password && { password: sentinelUser.password }),
    ...(tls && { tls }),
    // It would ask for INFO, which that user need not have.
    enableReadyCheck: false,
    disableClientInfo: true,
  };
}

/** What a sentinel says of a server, by name. */
export type SentinelFields = ReadonlyMap<string, string>;

/** @param reply a flat array: name, value, name, value */
export function sentinelFields(reply: unknown): SentinelFields | undefined {
  if (!Array.isArray(reply)) return undefined;
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]));
  return fields;
}

/** `host:port` */
export function addressIn(fields: SentinelFields): string {
  return `${fields.get('ip')}:${fields.get('port')}`;
}

/** `disconnected` alone passes: it is told of each that was met a moment ago. */
export function isDown(fields: SentinelFields): boolean {
  return /[so]_down/.test(fields.get('flags') ?? '');
}

/**
 * Tells when the sentinels made another server the primary. Without that, one that was cut off rather than killed would
 * be kept until it had been silent for long.
 *
 * @param until ends it
 */
export function watchSentinels(address: RedisAddress, until: AbortSignal, onSwitch: () => void): void {
  const { nodes, primary } = address;
  for (const node of nodes) {
    const sentinel = new Redis({
      ...sentinelOptions(address, node),
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
