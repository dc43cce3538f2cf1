import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WireReason } from './error.ts';
import { compress, expand } from './lzw.ts';

test('any bytes come back as they were', () => {
  const repetitive = fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 3000 }))
    .map(([bytes, times]) => new Uint8Array(Buffer.alloc(bytes.length * times, bytes)));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 3000 }), repetitive), (bytes) => {
      expect(expand(compress(bytes), bytes.length)).toEqual(bytes);
    }),
    { numRuns: 300 },
  );
});

test('every length around a change of the codes’ width comes back as it was', () => {
  const noise = Uint8Array.from({ length: 9000 }, (_, i) => (i * i * 31) >> 7);
  for (const around of [254, 510, 766, 1790, 3836, 3840, 7674])
    for (let length = around - 8; length < around + 8; length++) {
      const bytes = noise.subarray(0, length);
      expect(Buffer.from(expand(compress(bytes), length)).equals(bytes)).toBe(true);
    }
});

test('bytes that cannot be compressed fit what is set aside for them', () => {
  const pairs = new Uint8Array(200_000);
  // Each pair of neighbours is new for as long as can be.
  for (let i = 0; i < pairs.length; i++) pairs[i] = (i * (i % 2 ? 7919 : 104_729)) >> 5;
  expect(Buffer.from(expand(compress(pairs), pairs.length)).equals(pairs)).toBe(true);
});

test('a full table that nobody clears defines nothing more, and codes stay at 12 bits', () => {
  const literals = Array.from({ length: 6000 }, (_, i) => i % 251);
  expect(expand(codes([256, ...literals, 4095, 258, 257]), 10_000)).toEqual(
    // The last code is what the 3838th and 3839th literal made, the first one the first two.
    Uint8Array.from([...literals, literals[3837]!, literals[3838]!, literals[0]!, literals[1]!]),
  );
});

test('a code that the same code defines is the one before and its own first byte', () => {
  expect(expand(codes([256, 0x41, 258, 259, 257]), 100)).toEqual(new Uint8Array(Buffer.from('AAAAAA')));
});

test('a table may be left unclear at the beginning, and bytes after the end are not read', () => {
  expect(expand(codes([0x41, 0x42, 257, 0x43]), 100)).toEqual(new Uint8Array(Buffer.from('AB')));
});

test('what would give more than the limit is refused, and nothing is set aside for it', () => {
  const bomb = compress(new Uint8Array(4_000_000));
  expect(bomb.length).toBeLessThan(10_000);
  const before = process.memoryUsage().arrayBuffers;
  expect(() => expand(bomb, 100_000)).toThrow(refusal('too-large'));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  expect(expand(bomb, 4_000_000)).toHaveLength(4_000_000);
  expect(() => expand(bomb, 3_999_999)).toThrow(refusal('too-large'));
  expect(() => expand(compress(Uint8Array.of(1)), 0)).toThrow(refusal('too-large'));
});

test('what ends too early, or has a code for nothing, is refused', () => {
  expect(() => expand(new Uint8Array(0), 100)).toThrow(refusal('truncated'));
  expect(() => expand(codes([256, 0x41]), 100)).toThrow(refusal('truncated'));
  expect(() => expand(codes([256, 258, 257]), 100)).toThrow(refusal('malformed'));
  expect(() => expand(codes([256, 0x41, 259, 257]), 100)).toThrow(refusal('malformed'));
});

/** Writes codes as they are, at the widths at which a reader takes them. */
function codes(all: readonly number[]): Uint8Array {
  const bits: number[] = [];
  let width = 9;
  let highest = 257;
  for (const code of all) {
    for (let i = 0; i < width; i++) bits.push((code >> i) & 1);
    if (code === 256) [width, highest] = [9, 257];
    else if (++highest === 1 << width && width < 12) width++;
  }
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries()) bytes[i >> 3]! |= bit << (i & 7);
  return bytes;
}

function refusal(reason: WireReason): unknown {
  return expect.objectContaining({ name: 'WireError', reason });
}
