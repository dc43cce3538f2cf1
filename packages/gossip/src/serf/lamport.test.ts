import { expect, test } from 'vitest';
import { LamportClock } from './lamport.ts';

test('a clock follows what it hears, and counts on', () => {
  const clock = new LamportClock();
  expect(clock.witness(41)).toBe(true);
  expect([clock.tick(), clock.tick(), clock.time]).toEqual([42, 43, 44]);
  expect(clock.witness(3)).toBe(true);
  expect(clock.time).toBe(44);
});

test('no leap takes it to where it could not count on', () => {
  const clock = new LamportClock();
  for (const time of [2 ** 30, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER]) {
    expect(clock.witness(time)).toBe(false);
    clock.meet(time, false);
  }
  expect(clock.time).toBe(1);
});

test('a newcomer takes the time of the cluster that it joins, once', () => {
  const clock = new LamportClock();
  clock.meet(2 ** 40, true);
  expect(clock.time).toBe(2 ** 40);
  clock.meet(2 ** 41, true);
  expect(clock.time).toBe(2 ** 40);
  const cheated = new LamportClock();
  cheated.meet(Number.MAX_SAFE_INTEGER, true);
  expect(cheated.tick()).toBeLessThan(cheated.tick());
  expect(Number.MAX_SAFE_INTEGER - cheated.time).toBeGreaterThan(2 ** 50);
});
