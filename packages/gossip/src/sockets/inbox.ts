import type { Measure } from '../transport.ts';
import type { Budget } from './budget.ts';

/**
 * What a stream has brought so far. It grows with what came, never with what was announced, asks `measure` only when its
 * answer may have changed, and holds no more than the budget has left.
 */
export class Inbox {
  readonly #measure: Measure;
  readonly #budget: Budget;
  #bytes = new Uint8Array(0);
  #length = 0;
  #wanted = 1;

  constructor(measure: Measure, budget: Budget) {
    this.#measure = measure;
    this.#budget = budget;
  }

  /**
   * @returns the whole message when this was its last part, else null
   * @throws Error when it can be none, or there is no room for it
   */
  add(chunk: Uint8Array): Uint8Array | null {
    this.#append(chunk);
    if (this.#length < this.#wanted) return null;
    const sofar = this.#bytes.subarray(0, this.#length);
    const answer = this.#measure(sofar);
    if (answer === true) return sofar;
    // A measure that asks for no more than there is would be asked for each byte otherwise.
    this.#wanted = Math.max(answer, this.#length + 1);
    return null;
  }

  /** Gives its room back. Call it once, when the stream is over. */
  close(): void {
    this.#budget.give(this.#bytes.length);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
  }

  get empty(): boolean {
    return this.#length === 0;
  }

  #append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const room = Math.max(length, 2 * this.#bytes.length);
      if (!this.#budget.take(room - this.#bytes.length)) throw new Error('no room for another message');
      const bytes = new Uint8Array(room);
      bytes.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = bytes;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }
}
