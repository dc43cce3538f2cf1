import type { Clock, Timer } from '../world.ts';

/** Lateness that a busy but healthy process may show, ms. */
const TOLERANCE = 250;

/**
 * A timer whose call accuses another node of silence. When it wakes up much later than asked, it was this process that
 * stood still: the answer may lie in a socket's buffer, unread. So it waits once more for what it missed.
 *
 * @param delay ms
 * @param stalled told before it waits again
 */
export function setAlarm(clock: Clock, delay: number, call: () => void, stalled: () => void = () => {}): Timer {
  const due = clock.now() + delay;
  let timer = clock.after(delay, () => {
    const late = clock.now() - due;
    if (late <= Math.min(delay / 4, TOLERANCE)) {
      call();
      return;
    }
    stalled();
    timer = clock.after(Math.min(late, delay), call);
  });
  return { cancel: () => timer.cancel() };
}
