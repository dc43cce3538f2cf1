/** Keys in sets that can be joined, and never parted. */
export class DisjointSets {
  readonly #parent = new Map<string, string>();

  keys(): string[] {
    return [...this.#parent.keys()];
  }

  has(key: string): boolean {
    return this.#parent.has(key);
  }

  add(key: string): void {
    if (!this.#parent.has(key)) this.#parent.set(key, key);
  }

  /** @returns the key that stands for the set; the key itself when it is in none */
  find(key: string): string {
    let root = key;
    for (let up = this.#parent.get(root); up !== undefined && up !== root; up = this.#parent.get(root)) root = up;
    for (let at = key; at !== root; ) {
      const up = this.#parent.get(at)!;
      this.#parent.set(at, root);
      at = up;
    }
    return root;
  }

  /** @returns whether they were two */
  union(a: string, b: string): boolean {
    this.add(a);
    this.add(b);
    const [left, right] = [this.find(a), this.find(b)];
    this.#parent.set(right, left);
    return left !== right;
  }
}
