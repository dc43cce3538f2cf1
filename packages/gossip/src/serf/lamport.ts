/** How far ahead of this clock another may be: so many events no member misses. */
const AHEAD_MAX = 2 ** 20;
/** No time beyond it is believed, so that there is always room to count on. */
const LAST = 2 ** 52;

/**
 * A logical clock: it counts what happened, and never falls behind what it has heard of. It is heard of with no proof, and
 * at the end of its range a clock could count no more: so it takes no leaps, but one as it joins a cluster that is older.
 */
export class LamportClock {
  #time = 1;
  #isNew = true;

  get time(): number {
    return this.#time;
  }

  /** @returns the time of what happens now; the clock stands after it */
  tick(): number {
    return this.#time++;
  }

  /** Takes note of a time that was heard. @returns false when nobody can have counted so far */
  witness(time: number): boolean {
    if (time > Math.min(this.#time + AHEAD_MAX, LAST)) return false;
    if (time >= this.#time) this.#time = time + 1;
    return true;
  }

  /**
   * Takes note of where another's clock stands.
   *
   * @param isNewcomer this node asked the other for its state, to join it
   */
  meet(time: number, isNewcomer: boolean): void {
    if (isNewcomer && this.#isNew) {
      this.#isNew = false;
      this.#time = Math.max(this.#time, Math.min(time, LAST));
    } else if (time > 0) {
      this.witness(time - 1);
    }
  }
}
