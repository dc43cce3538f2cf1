/**
 * Does something again and again until the signal aborts, never twice at once. What fails is tried again the next time.
 *
 * @param every ms
 */
export function regularly(every: number, signal: AbortSignal, work: () => Promise<void>): void {
  let working = false;
  const once = async () => {
    if (working) return;
    working = true;
    await work().catch(() => {});
    working = false;
  };
  const timer = setInterval(() => void once(), every);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
