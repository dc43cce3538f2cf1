import { expect, test } from 'vitest';
import { Awareness } from './awareness.ts';

test('the score stays in [0, max) and lengthens probes', () => {
  const awareness = new Awareness(8);
  awareness.apply(-1);
  expect([awareness.score, awareness.scale(1_000)]).toEqual([0, 1_000]);
  awareness.apply(1);
  expect([awareness.score, awareness.scale(1_000)]).toEqual([1, 2_000]);
  awareness.apply(10);
  expect([awareness.score, awareness.scale(1_000)]).toEqual([7, 8_000]);
  awareness.apply(-1);
  expect(awareness.score).toBe(6);
});

test('with a maximum of one a node always thinks well of itself', () => {
  const awareness = new Awareness(1);
  awareness.apply(3);
  expect(awareness.score).toBe(0);
});
