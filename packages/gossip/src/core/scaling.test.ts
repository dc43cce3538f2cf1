import { expect, test } from 'vitest';
import { confirmationsWanted, pushPullInterval, retransmitLimit, shortestSuspicion } from './scaling.ts';

test.each([
  [3, 0, 0],
  [3, 1, 3],
  [3, 99, 6],
  [4, 10_000, 20],
])('with a multiplier of %d and %d members a message travels in %d packets', (mult, n, packets) => {
  expect(retransmitLimit(mult, n)).toBe(packets);
});

test.each([
  [1, 4_000],
  [10, 4_000],
  [50, 6_792],
  [100, 8_000],
  [1_000, 12_000],
])('among %d members a suspicion lasts at least %d ms', (n, least) => {
  expect(shortestSuspicion(4, n, 1_000)).toBe(least);
});

test.each([
  [32, 30_000],
  [33, 60_000],
  [64, 60_000],
  [65, 90_000],
  [128, 90_000],
])('among %d members states are exchanged each %d ms', (n, interval) => {
  expect(pushPullInterval(30_000, n)).toBe(interval);
});

test('confirmations are wanted only where there are members enough to give them', () => {
  expect(confirmationsWanted(5, 4)).toBe(0);
  expect(confirmationsWanted(5, 5)).toBe(3);
  expect(confirmationsWanted(4, 3)).toBe(0);
  expect(confirmationsWanted(4, 4)).toBe(2);
});
