import { expect, test } from 'vitest';
import { Damping } from './damping.ts';

test('the first failure is believed at once, and so is the first return', () => {
  const damping = new Damping();
  expect(damping.believes('h', false, 1_000)).toBe(true);
  expect(damping.believes('h', true, 2_000)).toBe(true);
});

test('what goes up and down again and again has to stay longer each time', () => {
  const damping = new Damping();
  let now = 0;
  const waits: number[] = [];
  for (let change = 1; change <= 10; change++) {
    const up = change % 2 === 0;
    const began = now;
    while (!damping.believes('h', up, now)) now += 500;
    waits.push(now - began);
    now += 500;
  }
  expect(waits).toEqual([0, 0, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test('one that flaps faster than that is not believed at all, and is after it calmed down', () => {
  const damping = new Damping();
  damping.believes('h', false, 0);
  damping.believes('h', true, 500);
  for (let i = 2; i < 20; i++) expect(damping.believes('h', i % 2 === 1, i * 500)).toBe(false);
  expect(damping.believes('h', true, 10_000 + 60_000)).toBe(true);
  expect(damping.believes('h', false, 1_000_000)).toBe(true);
});
