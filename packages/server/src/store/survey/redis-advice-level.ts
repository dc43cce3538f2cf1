/** What was judged, how it is, and what to do about it. */
export interface RedisAdvice {
  /** One word, of at most 11 letters: what was judged. Several may have the same. */
  readonly check: string;
  /** `warning`: coordinators work, but a promise may be lost, or writes refused for longer than need be. */
  readonly level: 'ok' | 'warning' | 'failure';
  readonly what: string;
  /** Of warnings and failures. */
  readonly remedy?: string;
}

/** What to do about a server that cannot be asked. */
export function remedyOf(reason: string): string {
  if (/WRONGPASS|NOAUTH|invalid password/i.test(reason)) return 'give the right user and password in the URL';
  if (/NOPERM/.test(reason)) return 'give the user the rights of docs/redis.md';
  if (/loads its data/.test(reason)) return 'wait until it has; see its log';
  if (/no answer|ETIMEDOUT/.test(reason)) {
    return 'its process hangs or is frozen (stopped), its machine is gone, or a firewall drops what is sent to it';
  }
  return 'start it, or correct the URL; see docs/redis.md';
}

export const fine = (check: string, what: string): RedisAdvice => ({ check, level: 'ok', what });
export const warn = (check: string, what: string, remedy: string): RedisAdvice => ({
  check,
  level: 'warning',
  what,
  remedy,
});
export const fail = (check: string, what: string, remedy: string): RedisAdvice => ({
  check,
  level: 'failure',
  what,
  remedy,
});
