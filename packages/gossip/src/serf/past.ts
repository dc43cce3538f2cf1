/** How many Lamport times back something is remembered. */
const LENGTH = 512;

/** What was seen at each of the last Lamport times, so that nothing is acted upon twice. */
export class Past<T> {
  readonly #ring: ({ readonly lTime: number; readonly items: T[] } | undefined)[] = new Array(LENGTH);
  readonly #same: (one: T, other: T) => boolean;
  readonly #itemsLimit: number;

  /** @param itemsLimit how many items of one time are kept; more are taken for seen */
  constructor(same: (one: T, other: T) => boolean, itemsLimit = 1_024) {
    this.#same = same;
    this.#itemsLimit = itemsLimit;
  }

  /**
   * @param now of the clock that gave `lTime`, which has witnessed it
   * @returns false when it was seen, or may have been: it is older than what is remembered
   */
  add(lTime: number, item: T, now: number): boolean {
    if (now > LENGTH && lTime < now - LENGTH) return false;
    const place = lTime % LENGTH;
    const there = this.#ring[place];
    if (there?.lTime !== lTime) {
      // One that is older than what stands in its place.
      if (there && there.lTime > lTime) return false;
      this.#ring[place] = { lTime, items: [item] };
      return true;
    }
    const full = there.items.length >= this.#itemsLimit;
    if (full || there.items.some((other) => this.#same(other, item))) return false;
    there.items.push(item);
    return true;
  }

  /** All that is remembered, by time. */
  *times(): Iterable<{ readonly lTime: number; readonly items: readonly T[] }> {
    for (const each of this.#ring) if (each) yield each;
  }
}
