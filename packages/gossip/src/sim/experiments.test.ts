import { describe, expect, test } from 'vitest';
import { measureDetection } from './detection.ts';
import { measureLoad } from './load.ts';
import { measureFalsePositives } from './slow-members.ts';
import { measureSpread } from './spread.ts';

// Short forms of the experiments of the benchmark `gossip-sim`: deterministic, so their thresholds do not flicker.

describe('a change', () => {
  test.each([10, 100, 1_000])('reaches all %d nodes as fast as pushing to three at a time should', async (n) => {
    const { reached, lastNode, lastNodeMax, theory } = await measureSpread({ seed: 1, n, changes: 3 });
    expect(reached).toBe(1);
    expect(lastNode).toBeLessThan(theory);
    expect(lastNodeMax).toBeLessThan(theory + 1);
  });

  test('needs about the same longer each time that there are ten times as many nodes', async () => {
    const sizes = [10, 100, 1_000];
    const spreads = await Promise.all(sizes.map((n) => measureSpread({ seed: 2, n, changes: 3 })));
    const [few, some, many] = spreads.map(({ lastNode }) => lastNode);
    expect(many! - some!).toBeGreaterThan(0.5);
    expect(many! - some!).toBeLessThan(2 * (some! - few!));
  });

  test('reaches nearly all where a fifth of all packets is lost', async () => {
    const { reached } = await measureSpread({ seed: 3, n: 500, changes: 2, loss: 0.2 });
    expect(reached).toBeGreaterThan(0.999);
  });
});

test.each([8, 64])('a failure among %d nodes is probed after about e/(e − 1) periods', async (n) => {
  const { period, margin, theory, suspected } = await measureDetection({ seed: 1, n, failures: 120 });
  expect(Math.abs(period - theory)).toBeLessThan(margin + 0.1);
  // The verdict takes a period more.
  expect(suspected).toBeLessThan(theory + 1);
});

test('what a node sends does not grow with the cluster', async () => {
  const [few, many] = [await measureLoad({ seed: 1, n: 16 }), await measureLoad({ seed: 1, n: 256 })];
  expect(few.packets).toBeCloseTo(2, 1);
  expect(many.packets).toBeCloseTo(2, 1);
  expect(many.packetsMax).toBeLessThan(2.5);
  expect(many.packetBytes / few.packetBytes).toBeLessThan(1.1);
});

test('slow members make at least 20 times fewer false positives than in plain SWIM', { timeout: 120_000 }, async () => {
  const setting = { seed: 1, n: 128, slow: 8, slowness: { frozen: 16_384, free: 1_024 }, duration: 52_224 };
  const swim = await measureFalsePositives({ ...setting, mode: 'swim' });
  const lifeguard = await measureFalsePositives({ ...setting, mode: 'lifeguard' });
  expect(swim.all).toBeGreaterThan(1_000);
  expect(swim.healthy).toBeGreaterThan(1_000);
  expect(lifeguard.all * 20).toBeLessThan(swim.all);
  expect(lifeguard.healthy * 20).toBeLessThan(swim.healthy);
});
