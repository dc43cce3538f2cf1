/** Numbers that are the same for the same seed (mulberry32). */
export class Random {
  #state: number;

  /** @param seeds whole numbers; another list of them gives another row of numbers */
  constructor(...seeds: number[]) {
    this.#state = seeds.reduce((state, seed) => (Math.imul(state ^ seed, 0x9e3779b1) + seed) >>> 0, 0x2545f491);
  }

  /** @returns a number in [0, 1) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** @returns a whole number from `low` to `high`, both included */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T;
  }
}
