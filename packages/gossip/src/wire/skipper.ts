import { WireError } from './error.ts';

/**
 * Passes over a number of msgpack items that arrive bit by bit, and reads nothing twice. What is inside an item counts
 * towards the items that are left, so that nesting needs no stack.
 */
export class Skipper {
  position: number;
  #items: number;

  constructor(items: number, position: number) {
    this.#items = items;
    this.position = position;
  }

  /**
   * @param bytes what there is so far, from the beginning
   * @param limit longest that it all may be
   * @returns true when `position` is behind the last item, else the least length with which to go on
   */
  advance(bytes: Uint8Array, limit: number): true | number {
    while (this.#items > 0) {
      const head = bytes[this.position] ?? 0xc0;
      const header = 1 + lengthSize(head);
      const whole = this.position + header <= bytes.length;
      const { size, items } = whole ? extent(bytes, this.position, head, header) : { size: header, items: 0 };
      const least = this.position + size + items + this.#items - 1;
      if (least > limit) throw new WireError('too-large', `what is announced is longer than ${limit} bytes`);
      if (!whole || this.position + size > bytes.length) return least;
      this.#items += items - 1;
      this.position += size;
    }
    return true;
  }
}

/** How many bytes after its first an item has to tell its length or count. */
function lengthSize(head: number): number {
  if (head < 0xc4) return 0;
  if (head <= 0xc9) return [1, 2, 4][(head - 0xc4) % 3]!;
  if (head < 0xd9 || head > 0xdf) return 0;
  return [1, 2, 4, 2, 4, 2, 4][head - 0xd9]!;
}

/** Bytes of an item without what it contains, and how many items it contains. */
function extent(bytes: Uint8Array, start: number, head: number, header: number): { size: number; items: number } {
  if (head < 0x80 || head >= 0xe0) return { size: 1, items: 0 };
  if (head < 0x90) return { size: 1, items: 2 * (head & 0x0f) };
  if (head < 0xa0) return { size: 1, items: head & 0x0f };
  if (head < 0xc0) return { size: 1 + (head & 0x1f), items: 0 };
  if (head === 0xc1) throw unexpected('any item', head);
  let count = 0;
  for (let i = start + 1; i < start + header; i++) count = count * 256 + bytes[i]!;
  if (head >= 0xde) return { size: header, items: 2 * count };
  if (head >= 0xdc) return { size: header, items: count };
  if (head >= 0xc7 && head <= 0xc9) return { size: header + 1 + count, items: 0 };
  return { size: header + count + (FIXED[head - 0xc0] ?? 0), items: 0 };
}

/** Bytes after the first of the items whose size their first byte tells, from `C0` on. */
const FIXED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17];

/** @param head the first byte of an item that is of another kind than `wanted` */
export function unexpected(wanted: string, head: number): WireError {
  return new WireError('malformed', `${wanted} was expected, not the byte 0x${head.toString(16).padStart(2, '0')}`);
}
