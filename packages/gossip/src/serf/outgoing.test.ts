import { expect, test } from 'vitest';
import { BroadcastQueue } from '../core/broadcast-queue.ts';
import { createOutgoing } from './outgoing.ts';

const queue = (...sizes: number[]) => {
  const made = new BroadcastQueue({ transmits: () => 1, capacity: 100 });
  for (const size of sizes) made.add({ message: new Uint8Array(size) });
  return made;
};

test('a packet is filled from one queue after another, with those of the own kind last and for that kind alone', () => {
  const outgoing = createOutgoing([queue(10, 20), queue(30)], queue(40, 5), (to) => to === null);
  expect(outgoing.length).toBe(5);
  const other = { name: 'other' } as never;
  const sizes = (room: number, most: number, to: null | typeof other) =>
    outgoing.take(room, 3, most, to).map(({ length }) => length);
  expect(sizes(36, 9, other)).toEqual([20, 10]);
  expect(outgoing.length).toBe(3);
  expect(sizes(1_000, 2, null)).toEqual([30, 40]);
  expect(sizes(1_000, 9, other)).toEqual([]);
  expect(sizes(1_000, 9, null)).toEqual([5]);
  expect(outgoing.length).toBe(0);
});
