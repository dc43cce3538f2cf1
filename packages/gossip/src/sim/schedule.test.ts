import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Schedule } from './schedule.ts';

test('calls come in the order of their times, those of one time in the order in which they were asked for', () => {
  const timer = fc.record({ delay: fc.integer({ min: 0, max: 20 }), cancelled: fc.boolean() });
  fc.assert(
    fc.property(fc.array(timer, { maxLength: 100 }), (timers) => {
      const schedule = new Schedule();
      const calls: [number, number][] = [];
      const entries = timers.map(({ delay }, i) => schedule.after(delay, () => calls.push([schedule.now(), i])));
      for (const [i, { cancelled }] of timers.entries()) if (cancelled) entries[i]!.cancel();
      schedule.run(20);
      const expected = timers
        .map(({ delay, cancelled }, i) => ({ delay, cancelled, i }))
        .filter(({ cancelled }) => !cancelled)
        .sort((one, other) => one.delay - other.delay || one.i - other.i);
      expect(calls).toEqual(expected.map(({ delay, i }) => [delay, i]));
    }),
  );
});

test('time goes on no further than asked', () => {
  const schedule = new Schedule();
  let called = false;
  schedule.after(100, () => {
    called = true;
  });
  schedule.run(99);
  expect([schedule.now(), called]).toEqual([99, false]);
  schedule.run(1);
  expect([schedule.now(), called]).toEqual([100, true]);
});
