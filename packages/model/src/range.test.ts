import { expect, test } from 'vitest';
import { Block, DEFAULT_RANGE, LINUX_EPHEMERAL, Range, SYSTEM_BLOCK } from './range.ts';

test('ranges and blocks run upwards, and a block has a reason', () => {
  expect(Range.safeParse({ ...DEFAULT_RANGE, from: 30_000 }).success).toBe(false);
  expect(Block.safeParse({ from: 2, to: 1, protocol: null, reason: 'x' }).success).toBe(false);
  expect(Block.safeParse({ from: 1, to: 2, protocol: null, reason: '' }).success).toBe(false);
});

test('the default range keeps clear of system ports and of the ports that Linux gives to outgoing connections', () => {
  expect(Range.safeParse(DEFAULT_RANGE).success).toBe(true);
  expect(DEFAULT_RANGE.from).toBeGreaterThan(SYSTEM_BLOCK.to);
  expect(DEFAULT_RANGE.to).toBeLessThan(LINUX_EPHEMERAL.from);
});
