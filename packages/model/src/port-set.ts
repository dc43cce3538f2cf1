const PORTS = 65_536;

/**
 * A set of ports as a bitmap of 8 KiB, searched a word of 32 ports at a time. "Free" means not in the set.
 *
 * Every port is in 0..65535 and every interval closed with `from <= to`, unless said otherwise; nothing is checked.
 */
export class PortSet {
  readonly #words = new Uint32Array(PORTS / 32);
  #size = 0;

  constructor(ports: Iterable<number> = []) {
    for (const port of ports) this.add(port);
  }

  get size(): number {
    return this.#size;
  }

  has(port: number): boolean {
    return ((this.#words[port >>> 5]! >>> (port & 31)) & 1) === 1;
  }

  add(port: number): void {
    if (this.has(port)) return;
    this.#words[port >>> 5]! |= 1 << (port & 31);
    this.#size++;
  }

  addInterval(from: number, to: number): void {
    for (let index = from >>> 5; index <= to >>> 5; index++) {
      const mask = maskOf(index, from, to);
      this.#size += ones(mask & ~this.#words[index]!);
      this.#words[index]! |= mask;
    }
  }

  delete(port: number): void {
    if (!this.has(port)) return;
    this.#words[port >>> 5]! &= ~(1 << (port & 31));
    this.#size--;
  }

  clear(): void {
    this.#words.fill(0);
    this.#size = 0;
  }

  /** @returns the lowest free port in the interval, -1 when there is none (or `from > to`) */
  nextFree(from: number, to: number): number {
    return this.#next(from, to, 0xffffffff);
  }

  /**
   * @param length at least 1
   * @returns the first port of the lowest `length` free ports in a row within the interval, -1 when there are none
   */
  nextFreeRun(from: number, to: number, length: number): number {
    let start = this.nextFree(from, to);
    while (start >= 0 && start + length - 1 <= to) {
      const taken = this.#next(start + 1, start + length - 1, 0);
      if (taken < 0) return start;
      start = this.nextFree(taken + 1, to);
    }
    return -1;
  }

  /** How many ports of the interval are free. */
  countFree(from: number, to: number): number {
    let free = 0;
    for (let index = from >>> 5; index <= to >>> 5; index++)
      free += ones(~this.#words[index]! & maskOf(index, from, to));
    return free;
  }

  /** The ports in the set, ascending. */
  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (let port = this.#next(0, PORTS - 1, 0); port >= 0; port = this.#next(port + 1, PORTS - 1, 0)) yield port;
  }

  /** The lowest port of the interval whose bit differs from that of `flip`: all ones finds a 0, all zeros a 1. */
  #next(from: number, to: number, flip: number): number {
    if (from > to) return -1;
    const last = to >>> 5;
    let index = from >>> 5;
    let word = (this.#words[index]! ^ flip) & (-1 << (from & 31));
    while (word === 0) {
      if (++index > last) return -1;
      word = this.#words[index]! ^ flip;
    }
    const port = (index << 5) + 31 - Math.clz32(word & -word);
    return port <= to ? port : -1;
  }
}

/** The bits of a word that lie in the interval. */
function maskOf(index: number, from: number, to: number): number {
  const low = index === from >>> 5 ? -1 << (from & 31) : -1;
  const high = index === to >>> 5 ? -1 >>> (31 - (to & 31)) : -1;
  return low & high;
}

/** Counts set bits by adding neighbours in ever wider fields (Hacker's Delight, 5-1). */
function ones(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
