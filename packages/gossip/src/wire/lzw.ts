import { WireError } from './error.ts';

/*
 * LZW as Go's compress/lzw has it: least significant bit first, literals of 8 bits, codes of 9 to 12 bits. Code 256 clears
 * the table, 257 ends the stream; the table's own codes begin at 258.
 */
const CLEAR = 256;
const END = 257;
const LAST_CODE = 4095;
const FIRST_WIDTH = 9;

/** Open addressing, four times as many places as codes; an entry is the 20 bits of (prefix, byte) and 12 of the code. */
const places = new Int32Array(1 << 14);
const PLACES_MASK = places.length - 1;

/** @returns the same bytes as the reference */
export function compress(bytes: Uint8Array): Uint8Array {
  // A byte takes at most 12 bits, and a cleared table 12 more now and then.
  const out = new Uint8Array(Math.ceil(bytes.length * 1.51) + 32);
  let length = 0;
  let bits = 0;
  let held = 0;
  let width = FIRST_WIDTH;
  let newest = END;

  function write(code: number): void {
    bits |= code << held;
    held += width;
    for (; held >= 8; held -= 8, bits >>>= 8) out[length++] = bits;
  }

  function clear(): void {
    write(CLEAR);
    places.fill(0);
    width = FIRST_WIDTH;
    newest = END;
  }

  /** @returns false when the table was full and begins anew */
  function grow(): boolean {
    newest++;
    if (newest === 1 << width) width++;
    if (newest < LAST_CODE) return true;
    clear();
    return false;
  }

  clear();
  let prefix = -1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (prefix < 0) {
      prefix = byte;
      continue;
    }
    const key = (prefix << 8) | byte;
    let place = ((key >> 12) ^ key) & PLACES_MASK;
    let entry = places[place]!;
    while (entry !== 0 && entry >>> 12 !== key) {
      place = (place + 1) & PLACES_MASK;
      entry = places[place]!;
    }
    if (entry !== 0) {
      prefix = entry & LAST_CODE;
      continue;
    }
    write(prefix);
    prefix = byte;
    if (grow()) places[place] = (key << 12) | newest;
  }
  if (prefix >= 0) {
    write(prefix);
    grow();
  }
  write(END);
  if (held > 0) out[length++] = bits;
  return out.slice(0, length);
}

/** Where in the output each code's bytes are, and how many. */
const starts = new Int32Array(LAST_CODE + 1);
const lengths = new Int32Array(LAST_CODE + 1);

/** @param limit most bytes that it may give; what would give more is refused before it does */
export function expand(bytes: Uint8Array, limit: number): Uint8Array {
  let out = new Uint8Array(Math.min(limit, 4 * bytes.length));
  let length = 0;
  let position = 0;
  let bits = 0;
  let held = 0;
  let width = FIRST_WIDTH;
  /** The highest code that may come, and what the one that comes now defines. */
  let next = END;
  /** The output of the code before; -1 when the next one defines nothing. */
  let before = -1;

  for (;;) {
    for (; held < width; held += 8) {
      const byte = bytes[position++];
      if (byte === undefined) throw new WireError('truncated', 'compressed bytes end too early');
      bits |= byte << held;
    }
    const code = bits & ((1 << width) - 1);
    bits >>>= width;
    held -= width;

    if (code === END) return out.length === length ? out : out.slice(0, length);
    if (code === CLEAR) {
      width = FIRST_WIDTH;
      next = END;
      before = -1;
      continue;
    }
    if (before >= 0) {
      // The string before and the first byte of this one: that is how they stand in the output.
      starts[next] = before;
      lengths[next] = length - before + 1;
    }
    if (code > next) {
      throw new WireError('malformed', `the compressed bytes have a code ${code} that stands for nothing`);
    }
    const size = code < CLEAR ? 1 : lengths[code]!;
    if (length + size > limit) throw new WireError('too-large', `it expands to more than ${limit} bytes`);
    if (length + size > out.length) out = grown(out, length, Math.min(limit, Math.max(length + size, 2 * length)));
    if (code < CLEAR) {
      out[length] = code;
    } else {
      // Byte by byte: a code that is just being defined overlaps what it is copied to.
      for (let i = 0, from = starts[code]!; i < size; i++) out[length + i] = out[from + i]!;
    }
    before = length;
    length += size;
    next++;
    if (next <= LAST_CODE) {
      if (next === 1 << width) width++;
    } else {
      // Full: until it is cleared, nothing more is defined.
      next = LAST_CODE;
      before = -1;
    }
  }
}

function grown(bytes: Uint8Array, length: number, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(bytes.subarray(0, length));
  return larger;
}
