import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cell, PortCells, stateOf } from './port-cells.ts';

test('what several make true ends with the last of them', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          what: fc.constantFrom('assigned', 'observed', 'wrong', 'resting'),
          port: fc.integer({ min: 5000, max: 5003 }),
          comes: fc.boolean(),
        }),
      ),
      (steps) => {
        const cells = new PortCells();
        const counts = new Map<string, number>();
        for (const { what, port, comes } of steps) {
          const before = counts.get(`${what} ${port}`) ?? 0;
          if (!comes && before === 0) continue;
          counts.set(`${what} ${port}`, before + (comes ? 1 : -1));
          cells.count(what, port, comes ? 1 : -1);
        }
        for (const what of ['assigned', 'observed', 'wrong', 'resting'] as const) {
          for (let port = 5000; port <= 5003; port++) {
            expect((cells.bytes[port]! & cell[what]) !== 0).toBe((counts.get(`${what} ${port}`) ?? 0) > 0);
          }
        }
      },
    ),
  );
});

test('a port shows what presses most: a finding before its owner, an owner before a rule', () => {
  expect(stateOf(0)).toBe('free');
  expect(stateOf(cell.ranged)).toBe('range');
  expect(stateOf(cell.ranged | cell.blocked)).toBe('blocked');
  expect(stateOf(cell.observed | cell.blocked)).toBe('observed');
  expect(stateOf(cell.assigned | cell.ranged)).toBe('promised');
  expect(stateOf(cell.assigned | cell.leased)).toBe('leased');
  expect(stateOf(cell.assigned | cell.leased | cell.observed)).toBe('bound');
  expect(stateOf(255)).toBe('wrong');
});

test('system ports are blocked from the beginning, and ranges and blocks come and go', () => {
  const cells = new PortCells();
  expect(stateOf(cells.bytes[1023]!)).toBe('blocked');
  expect(stateOf(cells.bytes[1024]!)).toBe('free');
  const range = { name: 'shop', from: 1000, to: 1100, purpose: '', owner: null, policy: 'blocked' } as const;
  cells.range(range, 1);
  expect(stateOf(cells.bytes[1100]!)).toBe('blocked');
  cells.range(range, -1);
  expect(stateOf(cells.bytes[1100]!)).toBe('free');
  expect(stateOf(cells.bytes[1023]!)).toBe('blocked');
});
