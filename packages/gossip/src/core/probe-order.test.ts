import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../sim/seeded-random.ts';
import { ProbeOrder } from './probe-order.ts';

test('a round has each position once, in another order each time', () => {
  const order = new ProbeOrder(seededRandom(1));
  const rounds = Array.from({ length: 20 }, () => {
    order.restart(50);
    return round(order);
  });
  for (const positions of rounds) {
    expect(positions.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  }
  expect(new Set(rounds.map(String)).size).toBe(20);
});

test('each position is equally likely at each place', () => {
  const order = new ProbeOrder(seededRandom(2));
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4_000; i++) {
    order.restart(4);
    order.next();
    counts[order.next()!]!++;
  }
  for (const count of counts) expect(count).toBeGreaterThan(880);
});

test('who comes during a round is probed in it or in the next, and nobody is left out', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 20 }),
      (seed, size, passed) => {
        const order = new ProbeOrder(seededRandom(seed));
        order.restart(size);
        const seen: number[] = [];
        for (let i = 0; i < Math.min(passed, size); i++) seen.push(order.next()!);
        order.grow(size + 3);
        seen.push(...round(order));
        expect(seen).toHaveLength(size + 3);
        expect(Array.from({ length: size }, (_, i) => i).filter((position) => !seen.includes(position))).toEqual([]);
      },
    ),
  );
});

test('who comes is as likely to be probed soon as anybody who waits', () => {
  let probed = 0;
  for (let seed = 0; seed < 2_000; seed++) {
    const order = new ProbeOrder(seededRandom(seed));
    order.restart(9);
    for (let i = 0; i < 5; i++) order.next();
    order.grow(10);
    if (round(order).includes(9)) probed++;
  }
  expect(probed / 2_000).toBeCloseTo(0.5, 1);
});

function round(order: ProbeOrder): number[] {
  const positions: number[] = [];
  for (let position = order.next(); position !== null; position = order.next()) positions.push(position);
  return positions;
}
