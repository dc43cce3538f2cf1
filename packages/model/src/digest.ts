/**
 * A digest of a set that does not depend on order and changes by one member at a time: the XOR of a 64-bit hash of
 * each member. So both ends of a report can keep it at the cost of what changed. It guards against lost and doubled
 * reports, not against forgery.
 */
export class SetDigest {
  #high: number;
  #low: number;

  /** @param from 16 hexadecimal digits, as `toString` gives them, to go on from */
  constructor(from = '0000000000000000') {
    this.#high = Number.parseInt(from.slice(0, 8), 16);
    this.#low = Number.parseInt(from.slice(8), 16);
  }

  /** Adds a member; adding it again removes it. */
  toggle(member: string): void {
    const { high, low } = hash64(member);
    this.#high ^= high;
    this.#low ^= low;
  }

  /** @returns 16 hexadecimal digits; an empty set gives zeros */
  toString(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

/** Two rounds of 32-bit multiply-and-xor with the avalanche of MurmurHash3 (public domain, A. Appleby). */
function hash64(text: string): { high: number; low: number } {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  return { high: avalanche(high ^ (low >>> 15)), low: avalanche(low ^ (high >>> 13)) };
}

function avalanche(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
