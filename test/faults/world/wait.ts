import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until the condition holds; one that throws does not hold yet.
 *
 * @param patience ms
 * @returns how long it took, ms; nothing when it did not come to hold in time
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  patience: number,
  interval = 50,
): Promise<number | undefined> {
  const started = performance.now();
  for (;;) {
    const holds = await (async () => condition())().catch(() => false);
    const took = performance.now() - started;
    if (holds) return Math.round(took);
    if (took > patience) return undefined;
    await sleep(interval);
  }
}

/** As `until`, for what the rest of a trial or a case rests on. @throws when it does not come to hold in time */
export async function mustHold(
  what: string,
  condition: () => boolean | Promise<boolean>,
  patience = 60_000,
): Promise<void> {
  if ((await until(condition, patience)) === undefined) throw new Error(`after ${patience / 1000} s: not ${what}`);
}
