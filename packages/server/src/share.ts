/** How much of something each may have at once; who has nothing takes no memory. */
export class Share {
  readonly #most: number;
  readonly #taken = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns false when it would be too much */
  take(who: string, amount: number): boolean {
    const taken = (this.#taken.get(who) ?? 0) + amount;
    if (taken > this.#most) return false;
    this.#taken.set(who, taken);
    return true;
  }

  give(who: string, amount: number): void {
    const left = (this.#taken.get(who) ?? 0) - amount;
    if (left > 0) this.#taken.set(who, left);
    else this.#taken.delete(who);
  }
}
