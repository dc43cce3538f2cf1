import { expect, test } from 'vitest';
import { startRejoin } from './rejoin.ts';
import { Simulation } from './sim/simulation.ts';

test('a node that is lost tries its seeds again; one whose machine slept asks what it has missed', async () => {
  const simulation = new Simulation({ seed: 1 });
  const calls: string[] = [];
  let lost = true;
  let slept = 0;
  const rejoin = startRejoin({
    world: simulation.createWorld({ host: '10.0.0.1', port: 1 }),
    wallClock: () => simulation.now + slept,
    interval: 5_000,
    isLost: () => lost,
    join: () => calls.push('join'),
    woke: () => calls.push('woke'),
  });
  await simulation.run(11_000);
  expect(calls).toEqual(['join', 'join']);
  lost = false;
  await simulation.run(10_000);
  expect(calls).toHaveLength(2);
  slept = 9_000;
  await simulation.run(5_000);
  expect(calls).toHaveLength(2);
  slept = 60_000;
  await simulation.run(10_000);
  expect(calls).toEqual(['join', 'join', 'woke']);
  // Set back by hand, the clock shows no sleep.
  slept = 0;
  await simulation.run(10_000);
  expect(calls).toHaveLength(3);
  rejoin.cancel();
  lost = true;
  await simulation.run(10_000);
  expect(calls).toHaveLength(3);
});
