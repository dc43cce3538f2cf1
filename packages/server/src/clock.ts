import { setTimeout as sleep } from 'node:timers/promises';

/** Time as it passes: so that what waits and measures can be tried in a moment. */
export interface Clock {
  /** ms of a clock that never goes back and that nobody sets. */
  now(): number;
  /** Resolves after `ms`, or as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(Math.max(0, ms), undefined, { signal }).catch(() => {}),
};
