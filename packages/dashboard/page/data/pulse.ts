import { signal } from '@preact/signals';

/** How many seconds are shown. */
const SECONDS = 60;

/** Changes in each of the last sixty seconds, the oldest first. */
export const pulse = signal<readonly number[]>(new Array(SECONDS).fill(0));

let current = 0;

export function countChanges(count: number): void {
  current += count;
}

/** Moves on by a second, each second, until the signal aborts. */
export function beat(signal: AbortSignal): void {
  const timer = setInterval(() => {
    pulse.value = [...pulse.peek().slice(1), current];
    current = 0;
  }, 1_000);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
