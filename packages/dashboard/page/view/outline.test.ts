import fc from 'fast-check';
import { expect, test } from 'vitest';
import { outline } from './outline.ts';

const SIDE = 16;

test('the outline of a range has the ports of the range inside, and no others', () => {
  const port = fc.integer({ min: 0, max: SIDE * SIDE - 1 });
  fc.assert(
    fc.property(port, port, (a, b) => {
      const range = { from: Math.min(a, b), to: Math.max(a, b) };
      const corners = outline(range, SIDE);
      for (let each = 0; each < SIDE * SIDE; each++) {
        const inside = isInside(corners, (each % SIDE) + 0.5, Math.floor(each / SIDE) + 0.5);
        expect(inside, `${each} of ${range.from}-${range.to}`).toBe(each >= range.from && each <= range.to);
      }
    }),
  );
});

/** By how often a line to the left crosses the outline. */
function isInside(corners: readonly (readonly [number, number])[], x: number, y: number): boolean {
  let inside = false;
  corners.forEach(([x1, y1], i) => {
    const [x2, y2] = corners[(i + 1) % corners.length]!;
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}
