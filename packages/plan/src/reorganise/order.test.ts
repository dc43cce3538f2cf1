import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inOrder, type Move } from './order.ts';

/** Moves as reorganisations have them: today two may share a port, afterwards nobody does. */
const reorganisation = fc
  .uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 10 })
  .chain((targets) =>
    fc.tuple(
      fc.constant(targets),
      fc.array(fc.option(fc.integer({ min: 1, max: 12 })), { minLength: targets.length, maxLength: targets.length }),
    ),
  )
  .map(([targets, sources]) =>
    targets
      .map((to, index): Move => ({ id: `s${index}`, from: sources[index]!, to }))
      .filter(({ from, to }) => from !== to),
  );

test('no step takes a port that somebody has, and in the end each has its own', () => {
  fc.assert(
    fc.property(reorganisation, (moves) => {
      const now = new Map(moves.map(({ id, from }) => [id, from]));
      const steps = inOrder(
        moves,
        Array.from({ length: 6 }, (_, index) => 100 + index),
      );
      for (const { id, from, to } of steps) {
        expect(now.get(id)).toBe(from);
        const others = [...now].filter(([other]) => other !== id).map(([, port]) => port);
        expect(others).not.toContain(to);
        now.set(id, to);
      }
      for (const { id, to } of moves) expect(now.get(id)).toBe(to);
    }),
    { numRuns: 1000 },
  );
});

test('two that change places go by way of a spare port, and nobody else does', () => {
  const moves = [
    { id: 'a', from: 1, to: 2 },
    { id: 'b', from: 2, to: 1 },
    { id: 'c', from: 3, to: 4 },
  ];
  const steps = inOrder(moves, [9]);
  expect(steps).toHaveLength(4);
  expect(steps.filter(({ temporary }) => temporary)).toEqual([{ id: 'a', from: 1, to: 9, temporary: true }]);
});

test('who only waits for a ring does not stop on the way', () => {
  const moves = [
    { id: 'waits', from: 5, to: 1 },
    { id: 'a', from: 1, to: 2 },
    { id: 'b', from: 2, to: 3 },
    { id: 'c', from: 3, to: 4 },
    { id: 'd', from: 4, to: 5 },
    { id: 'last', from: 7, to: 8 },
    { id: 'x', from: 10, to: 11 },
    { id: 'y', from: 11, to: 10 },
    { id: 'waits for x', from: 10, to: 12 },
  ];
  const steps = inOrder(moves, [20, 21]);
  const stops = steps.filter(({ temporary }) => temporary).map(({ id }) => id);
  expect(stops).toHaveLength(2);
  expect(stops).not.toContain('waits for x');
  expect(stops).not.toContain('last');
});

test('a ring without a spare port is told', () => {
  const moves = [
    { id: 'a', from: 1, to: 2 },
    { id: 'b', from: 2, to: 1 },
  ];
  expect(() => inOrder(moves, [])).toThrow(RangeError);
});
