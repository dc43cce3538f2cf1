import { expect, test } from 'vitest';
import { Schedule } from '../sim/schedule.ts';
import type { Clock } from '../world.ts';
import { setAlarm } from './alarm.ts';

test('an alarm goes off in time', () => {
  const schedule = new Schedule();
  const rung = ring(schedule, 500, schedule);
  schedule.run(1_000);
  expect(rung).toEqual(['call at 500']);
});

test('one that wakes up late waits once more for what was missed, and says so', () => {
  const schedule = new Schedule();
  const rung = ring(late(schedule, 300), 500, schedule);
  schedule.run(5_000);
  expect(rung).toEqual(['stalled at 800', 'call at 1400']);
});

test('a little lateness is nobody’s fault', () => {
  const schedule = new Schedule();
  const rung = ring(late(schedule, 40), 500, schedule);
  schedule.run(1_000);
  expect(rung).toEqual(['call at 540']);
});

test('after a long stall it waits no longer than it was set for', () => {
  const schedule = new Schedule();
  const rung = ring(late(schedule, 60_000, 1), 8_000, schedule);
  schedule.run(100_000);
  expect(rung).toEqual(['stalled at 68000', 'call at 76000']);
});

test('a cancelled one stays silent, while it waits again, too', () => {
  const schedule = new Schedule();
  const calls: string[] = [];
  const timer = setAlarm(late(schedule, 300), 500, () => calls.push('call'));
  schedule.run(900);
  timer.cancel();
  schedule.run(5_000);
  expect(calls).toEqual([]);
});

function ring(clock: Clock, delay: number, schedule: Schedule): string[] {
  const rung: string[] = [];
  setAlarm(
    clock,
    delay,
    () => rung.push(`call at ${schedule.now()}`),
    () => rung.push(`stalled at ${schedule.now()}`),
  );
  return rung;
}

/** The first timers of it wake up late. */
function late(schedule: Schedule, by: number, times = Number.POSITIVE_INFINITY): Clock {
  return {
    now: () => schedule.now(),
    after: (delay, call) => schedule.after(delay + (times-- > 0 ? by : 0), call),
  };
}
