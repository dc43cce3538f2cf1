/**
 * How well this node itself does, as far as it can tell from its own probes: 0 is healthy. One that is slow gives others
 * more time before it accuses them.
 *
 * @see Lifeguard (Dadgar et al., 2017), section IV-A
 */
export class Awareness {
  readonly #max: number;
  #score = 0;

  /** @param max the score stays below it; 1 turns it off */
  constructor(max: number) {
    this.#max = max;
  }

  get score(): number {
    return this.#score;
  }

  apply(delta: number): void {
    this.#score = Math.min(Math.max(this.#score + delta, 0), this.#max - 1);
  }

  /** The time for a probe, ms, from what it is for a healthy node. */
  scale(time: number): number {
    return time * (this.#score + 1);
  }
}
