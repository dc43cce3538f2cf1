/** What one survey may take, however large the tree. No tree that people wrote comes near. */
export interface TreeLimits {
  /** Of the files that are parsed; what says nothing of ports at a glance is not. */
  readonly bytes: number;
  /** Things that files say of ports. */
  readonly facts: number;
  /** ms of reading, all files together. */
  readonly time: number;
}

export const TREE_LIMITS: TreeLimits = { bytes: 64 * 2 ** 20, facts: 50_000, time: 60_000 };

/** What is left of the limits of a tree, and which files were left out for their sake. */
export class Budget {
  readonly leftOut: string[] = [];
  readonly #limits: TreeLimits;
  #bytes = 0;
  #facts = 0;
  #time = 0;

  constructor(limits: TreeLimits) {
    this.#limits = limits;
  }

  /** Whether nothing more may be read. */
  get spent(): boolean {
    return this.#facts >= this.#limits.facts || this.#time >= this.#limits.time;
  }

  /** Facts that may be kept beside those that are. */
  get factsLeft(): number {
    return Math.max(0, this.#limits.facts - this.#facts);
  }

  /** @returns false when so many are too many; a smaller file may still fit */
  takeBytes(bytes: number): boolean {
    if (this.#bytes + bytes > this.#limits.bytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** @param time ms that it took */
  note(facts: number, time: number): void {
    this.#facts += facts;
    this.#time += time;
  }
}
