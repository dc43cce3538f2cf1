/** How long one request may keep everybody else waiting, ms. */
const TURN = 10;

/** Parts long work, so that others have their turn in between: `if (turns.isOver) await turns.next();` after each step. */
export class Turns {
  #end = performance.now() + TURN;

  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  async next(): Promise<void> {
    await new Promise(setImmediate);
    this.#end = performance.now() + TURN;
  }
}
