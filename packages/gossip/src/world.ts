import type { Transport } from './transport.ts';

/** All that a node has of the outside: so the same code runs on sockets in real time and in a simulator. */
export interface World {
  readonly transport: Transport;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Clock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Calls once, after `delay` milliseconds or later. */
  after(delay: number, call: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}
