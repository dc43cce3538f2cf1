/** A logical clock: it counts what happened, and never falls behind what it has heard of. */
export class LamportClock {
  #time = 1;

  get time(): number {
    return this.#time;
  }

  /** @returns the time of what happens now; the clock stands after it */
  tick(): number {
    return this.#time++;
  }

  /** Takes note of a time that was heard. */
  witness(time: number): void {
    // At the end of its range the clock would stand still for good; nobody gets there by counting.
    if (time >= this.#time && time < Number.MAX_SAFE_INTEGER) this.#time = time + 1;
  }
}
