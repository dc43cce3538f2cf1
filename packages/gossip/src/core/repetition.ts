import type { Clock, Timer } from '../world.ts';

/**
 * Calls again and again, in step with its first call; what was missed while this process stood still is left out.
 *
 * @param first ms until the first call
 * @param interval ms, asked after each call; below 1 ends it
 */
export function repeat(clock: Clock, first: number, interval: () => number, call: () => void): Timer {
  let due = clock.now() + first;
  let timer = clock.after(first, turn);
  let cancelled = false;

  function turn(): void {
    call();
    const wait = interval();
    if (cancelled || wait < 1) return;
    due += wait;
    if (due < clock.now()) due = clock.now() + wait;
    timer = clock.after(due - clock.now(), turn);
  }

  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}
