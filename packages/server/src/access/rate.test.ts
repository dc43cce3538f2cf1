import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Rate } from './rate.ts';

test('a burst goes through, then so many a second, and the wait that is told suffices', () => {
  const rate = new Rate(10, 5);
  expect(Array.from({ length: 6 }, () => rate.take('a', 1000))).toEqual([0, 0, 0, 0, 0, 0.1]);
  expect(rate.take('b', 1000)).toBe(0);
  expect(rate.take('a', 1100)).toBe(0);
  expect(rate.take('a', 1100)).toBeGreaterThan(0);
});

test('in no span of time more is done than the burst and what the span gives', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), (waits, perSecond, burst) => {
      const rate = new Rate(perSecond, burst);
      let now = 0;
      const done: number[] = [];
      for (const wait of waits) {
        now += wait;
        if (rate.take('a', now) === 0) done.push(now);
      }
      for (let first = 0; first < done.length; first++) {
        for (let last = first; last < done.length; last++) {
          const span = (done[last]! - done[first]!) / 1000;
          expect(last - first + 1).toBeLessThanOrEqual(burst + span * perSecond + 1e-6);
        }
      }
    }),
  );
});

test('those who come and go cost no memory', () => {
  const rate = new Rate(1, 1);
  for (let i = 0; i < 50_000; i++) rate.take(`stranger ${i}`, 0);
  expect(rate.size).toBeLessThanOrEqual(10_000);
});
