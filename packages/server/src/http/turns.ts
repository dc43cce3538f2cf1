/** How long one request may keep everybody else waiting, ms. */
const TURN = 10;
/** Steps between two looks at the clock, which cost more than most steps. */
const STEPS = 16;

/** Parts long work, so that others have their turn in between: `if (turns.isOver) await turns.next();` after each step. */
export class Turns {
  #steps = 0;
  #end = performance.now() + TURN;

  get isOver(): boolean {
    return ++this.#steps % STEPS === 0 && performance.now() >= this.#end;
  }

  async next(): Promise<void> {
    await new Promise(setImmediate);
    this.#end = performance.now() + TURN;
  }
}
