import { type Applied, ORIGIN, type Position } from '@portolan/model';

/** The commits of one group, or of several that were taken in together, as the stream tells them. */
export interface Group extends Applied {
  /** Read back from the store's log, which does not keep what entries were: `before` is always absent. */
  readonly logged?: boolean;
}

/** Changes kept in memory for those who were away or behind for a moment. */
const TOUCHES_MAX = 50_000;

/** The last groups of commits, in order, found by position. */
export class History {
  #groups: Group[] = [];
  /** Position to the number of the group, counted from the first one ever kept. */
  readonly #numbers = new Map<Position, number>();
  #first = 0;
  #touches = 0;

  /** Forgets everything: what comes next builds on `position`. */
  begin(position: Position): void {
    this.#first += this.#groups.length + 1;
    this.#groups = [];
    this.#numbers.clear();
    this.#touches = 0;
    this.#numbers.set(position, this.#first - 1);
  }

  push(group: Group): void {
    this.#numbers.set(group.position, this.#first + this.#groups.length);
    this.#groups.push(group);
    this.#touches += group.touches.length;
    if (this.#touches > TOUCHES_MAX) this.#trim();
  }

  has(position: Position): boolean {
    return this.#numbers.has(position);
  }

  /** @returns the groups after the position, at most `limit`; `undefined` when the position is not kept */
  after(position: Position, limit: number): readonly Group[] | undefined {
    const number = this.#numbers.get(position);
    if (number === undefined) return undefined;
    const from = number + 1 - this.#first;
    return this.#groups.slice(from, from + limit);
  }

  get head(): Position {
    return this.#groups.at(-1)?.position ?? this.#numbers.keys().next().value ?? ORIGIN;
  }

  #trim(): void {
    let dropped = 0;
    // Half at a time: dropping one by one would move the rest each time.
    while (this.#touches > TOUCHES_MAX / 2 && dropped < this.#groups.length - 1) {
      this.#touches -= this.#groups[dropped]!.touches.length;
      dropped++;
    }
    for (const { position } of this.#groups.splice(0, dropped)) this.#numbers.delete(position);
    this.#first += dropped;
    for (const [position, number] of this.#numbers) {
      if (number >= this.#first - 1) break;
      this.#numbers.delete(position);
    }
  }
}
