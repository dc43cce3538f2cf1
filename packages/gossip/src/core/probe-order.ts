import { below } from './random.ts';

/**
 * A random order of the positions of a table, so that each is probed once in a round. It is drawn step by step, and
 * only what differs from counting up is kept: a node of ten thousand need not shuffle them before its first probe.
 */
export class ProbeOrder {
  readonly #random: () => number;
  /** The position at each place, where it is not the place itself. */
  readonly #moved = new Map<number, number>();
  #size = 0;
  #index = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Begins a round over a table of that size. */
  restart(size: number): void {
    this.#moved.clear();
    this.#size = size;
    this.#index = 0;
  }

  /** @returns the next position of this round, or null at its end */
  next(): number | null {
    if (this.#index >= this.#size) return null;
    this.#swap(this.#index, this.#index + below(this.#size - this.#index, this.#random));
    return this.#at(this.#index++);
  }

  /** Puts members that were appended to the table at random places of this round. */
  grow(size: number): void {
    while (this.#size < size) {
      const last = this.#size++;
      // At a place that was passed already it waits for the next round, and who was there has another turn in this one.
      this.#swap(below(this.#size, this.#random), last);
    }
  }

  #at(place: number): number {
    return this.#moved.get(place) ?? place;
  }

  #swap(one: number, other: number): void {
    if (one === other) return;
    const position = this.#at(one);
    this.#moved.set(one, this.#at(other));
    this.#moved.set(other, position);
  }
}
