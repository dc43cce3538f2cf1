import { expect, test } from 'vitest';
import { Schedule } from '../sim/schedule.ts';
import { Strangers } from './strangers.ts';

test('of names that nobody knows few are let in; who is known always is, and who becomes known makes room', () => {
  const clock = new Schedule();
  const known = new Set(['host']);
  const strangers = new Strangers((name) => known.has(name), clock);
  const enter = (name: string) => {
    const may = strangers.mayEnter(name);
    if (may) strangers.entered(name);
    return may;
  };
  const entered = Array.from({ length: 100_000 }, (_, i) => enter(`made-up-${i}`)).filter((may) => may);
  expect(entered).toHaveLength(1_000);
  expect([enter('host'), enter('newcomer')]).toEqual([true, false]);
  strangers.forget('made-up-1');
  expect(enter('newcomer')).toBe(true);
  known.add('made-up-2');
  clock.run(1_000);
  expect([enter('another'), enter('one more')]).toEqual([true, false]);
});
