/** Connections of one place that may be open without having said who they are. */
const NEWCOMERS_MAX = 2_000;

/**
 * Connections that have not said yet who they are, by the place that they come from. When there are too many of one place,
 * the one that has waited longest has to go: whoever has a token says so at once, so that silent ones make room for it.
 */
export class Newcomers {
  readonly #max: number;
  /** How to turn each away, the longest waiting first. */
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(max = NEWCOMERS_MAX) {
    this.#max = max;
  }

  /** @returns a function that tells that it has said who it is, or has gone */
  enter(place: string, turnAway: () => void): () => void {
    const waiting = this.#waiting.get(place) ?? new Set();
    this.#waiting.set(place, waiting);
    const own = () => turnAway();
    waiting.add(own);
    const leave = () => {
      waiting.delete(own);
      if (waiting.size === 0 && this.#waiting.get(place) === waiting) this.#waiting.delete(place);
    };
    if (waiting.size > this.#max) {
      const [longest] = waiting;
      waiting.delete(longest!);
      longest!();
    }
    return leave;
  }
}
