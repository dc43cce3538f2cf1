import type { Clock } from '../world.ts';

/** How many there may be at once. */
const LIMIT = 1_000;
/** How often those that have become known are looked for while there is no room, ms. */
const LOOK_EVERY = 1_000;

/**
 * Members whose names nobody vouches for. A few are let in, for a host may be heard of before it is known; but names cost
 * nothing to invent, so there is room for few, and those who are known need none of it.
 */
export class Strangers {
  readonly #isKnown: (name: string) => boolean;
  readonly #clock: Clock;
  readonly #names = new Set<string>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(isKnown: (name: string) => boolean, clock: Clock) {
    this.#isKnown = isKnown;
    this.#clock = clock;
  }

  /** Whether somebody new may be a member. */
  mayEnter(name: string): boolean {
    if (this.#names.size < LIMIT || this.#isKnown(name)) return true;
    const now = this.#clock.now();
    if (now < this.#lookedAt + LOOK_EVERY) return false;
    this.#lookedAt = now;
    for (const each of this.#names) if (this.#isKnown(each)) this.#names.delete(each);
    return this.#names.size < LIMIT;
  }

  entered(name: string): void {
    if (!this.#isKnown(name)) this.#names.add(name);
  }

  forget(name: string): void {
    this.#names.delete(name);
  }
}
