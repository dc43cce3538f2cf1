import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinParts, splitParts } from './compound.ts';
import type { WireReason } from './error.ts';

test('parts come back in order, however many compounds they take', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 600 }), (parts) => {
      const compounds = joinParts(parts);
      expect(compounds).toHaveLength(Math.ceil(parts.length / 255));
      const split = compounds.map(splitParts);
      expect(split.flatMap((one) => one.parts)).toEqual(parts);
      expect(split.every(({ truncated }) => truncated === 0)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('three messages take two bytes, and two more each', () => {
  const [compound] = joinParts([Uint8Array.of(1), Uint8Array.of(2, 2), Uint8Array.of()]);
  expect(compound).toEqual(Uint8Array.of(7, 3, 0, 1, 0, 2, 0, 0, 1, 2, 2));
});

test('parts that run past the end are counted, those before them are given', () => {
  const [compound] = joinParts([Uint8Array.of(1, 1), Uint8Array.of(2, 2), Uint8Array.of(3, 3)]);
  expect(splitParts(compound!.subarray(0, -1))).toEqual({
    parts: [Uint8Array.of(1, 1), Uint8Array.of(2, 2)],
    truncated: 1,
  });
  expect(splitParts(compound!.subarray(0, -5))).toEqual({ parts: [Uint8Array.of(1, 1)].slice(0, 0), truncated: 3 });
});

test('a count without its lengths is refused: 128 parts whose lengths would overflow 8 bits, too', () => {
  expect(() => splitParts(Uint8Array.of(7))).toThrow(refusal('truncated'));
  expect(() => splitParts(Uint8Array.of(7, 0x80))).toThrow(refusal('truncated'));
  expect(() => splitParts(Uint8Array.of(7, 0x80, 0, 1, 9))).toThrow(refusal('truncated'));
  expect(splitParts(Uint8Array.of(7, 0))).toEqual({ parts: [], truncated: 0 });
});

test('a part that two bytes cannot count is refused', () => {
  expect(() => joinParts([new Uint8Array(65_536)])).toThrow(refusal('too-large'));
  expect(splitParts(joinParts([new Uint8Array(65_535)])[0]!).parts[0]).toHaveLength(65_535);
});

function refusal(reason: WireReason): unknown {
  return expect.objectContaining({ name: 'WireError', reason });
}
