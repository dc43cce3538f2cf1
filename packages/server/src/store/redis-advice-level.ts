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
