import { expect, test } from 'vitest';
import { Schedule } from '../sim/schedule.ts';
import { Suspicion, suspicionTimeout } from './suspicion.ts';

test.each([
  [0, 30_000],
  [1, 16_000],
  [2, 7_810],
  [3, 2_000],
  [4, 2_000],
])('after %d confirmations of 3 wanted it lasts %d ms in [2,000, 30,000]', (confirmations, timeout) => {
  expect(suspicionTimeout(confirmations, 3, 2_000, 30_000)).toBeCloseTo(timeout, -1);
});

test.each([
  [0, 1_000],
  [1, 750],
  [2, 603],
  [3, 500],
])('after %d confirmations it lasts %d ms in [500, 1,000]', (confirmations, timeout) => {
  expect(suspicionTimeout(confirmations, 3, 500, 1_000)).toBe(timeout);
});

test('without confirmations wanted it lasts as short as it can', () => {
  expect(suspicionTimeout(0, 0, 500, 1_000)).toBe(500);
});

test('each new accuser makes it shorter, an accuser heard before does not', () => {
  const { clock, suspicion, ended } = start(3, 500, 1_000);
  expect(suspicion.confirm('first')).toBe(false);
  expect(suspicion.confirm('second')).toBe(true);
  expect(suspicion.confirm('second')).toBe(false);
  clock.run(749);
  expect(ended).toEqual([]);
  clock.run(2);
  expect(ended).toEqual([1]);
});

test('no more accusers count than are wanted', () => {
  const { suspicion } = start(1, 500, 1_000);
  expect(suspicion.confirm('second')).toBe(true);
  expect(suspicion.confirm('third')).toBe(false);
});

test('it ends at once when an accuser makes it overdue', () => {
  const { clock, suspicion, ended } = start(3, 500, 1_000);
  clock.run(800);
  suspicion.confirm('second');
  clock.run(0);
  expect(ended).toEqual([1]);
});

test('one that was cancelled never ends', () => {
  const { clock, suspicion, ended } = start(3, 500, 1_000);
  suspicion.cancel();
  clock.run(10_000);
  expect(ended).toEqual([]);
});

function start(k: number, min: number, max: number) {
  const clock = new Schedule();
  const ended: number[] = [];
  const expired = (confirmations: number) => ended.push(confirmations);
  return { clock, ended, suspicion: new Suspicion({ clock, k, min, max, from: 'first', expired }) };
}
