import { expect, test } from 'vitest';
import { Schedule } from '../sim/schedule.ts';
import { repeat } from './repetition.ts';

test('it calls in step with its first call', () => {
  const clock = new Schedule();
  const calls: number[] = [];
  repeat(
    clock,
    30,
    () => 100,
    () => calls.push(clock.now()),
  );
  clock.run(350);
  expect(calls).toEqual([30, 130, 230, 330]);
});

test('what was missed is not made up for', () => {
  const clock = new Schedule();
  const calls: number[] = [];
  let late = 450;
  const slow = { now: () => clock.now(), after: (delay: number, call: () => void) => clock.after(delay + late, call) };
  repeat(
    slow,
    50,
    () => 100,
    () => {
      calls.push(clock.now());
      late = 0;
    },
  );
  clock.run(700);
  expect(calls).toEqual([500, 600, 700]);
});

test('it ends when it is cancelled, from within, too', () => {
  const clock = new Schedule();
  let calls = 0;
  const timer = repeat(
    clock,
    10,
    () => 10,
    () => {
      if (++calls === 3) timer.cancel();
    },
  );
  clock.run(1_000);
  expect(calls).toBe(3);
});
