/**
 * How long to wait before another attempt: it doubles from `base` up to `cap`, and a random part of it is left out so
 * that many clients that failed together do not come back together.
 *
 * @param attempt attempts that failed since the last success, from 0   @param random in [0, 1)
 * @returns ms, in [d/2, d) for d = min(cap, base * 2^attempt)
 */
export function backoff(attempt: number, base: number, cap: number, random: number): number {
  const delay = Math.min(cap, base * 2 ** attempt);
  return delay / 2 + (delay / 2) * random;
}

/** Waits, without keeping a Node process alive for it when `background`. Ends early, without an error, on abort. */
export function pause(ms: number, signal?: AbortSignal, background = false): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (background) unref(timer);
    signal?.addEventListener('abort', end);
  });
}

/** Lets a Node process end although the timer runs; a browser's timers are plain numbers. */
export function unref(timer: ReturnType<typeof setTimeout>): void {
  if (typeof timer === 'object') timer.unref();
}
