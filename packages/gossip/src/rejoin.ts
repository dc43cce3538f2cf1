import type { Timer, World } from './world.ts';

export interface RejoinOptions {
  readonly world: World;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** How often it looks, ms. */
  readonly interval: number;
  /** Whether this node has not found the others yet, or has lost them all. */
  readonly isLost: () => boolean;
  /** Joins the seeds once more. */
  readonly join: () => void;
  /** Called when the machine had been asleep. */
  readonly woke: () => void;
}

/** How much more the wall clock has to show than the monotonic one to be taken for sleep, ms. */
const SLEEP = 10_000;

/**
 * Finds the way back: a node that is lost tries its seeds again, whether they were not there yet or all others are gone;
 * one whose machine was asleep, which its own clock does not show, asks at once what it has missed.
 */
export function startRejoin(options: RejoinOptions): Timer {
  const { world, wallClock, interval, isLost, join, woke } = options;
  const { clock } = world;
  let offset = wallClock() - clock.now();
  let timer: Timer;
  const look = () => {
    timer = clock.after(interval, look);
    const now = wallClock() - clock.now();
    const slept = now - offset > SLEEP;
    offset = now;
    if (isLost()) join();
    else if (slept) woke();
  };
  timer = clock.after(interval, look);
  return { cancel: () => timer.cancel() };
}
