import { rmSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { redisUnavailable } from '../support/redis.ts';
import { runChild } from './child.ts';
import type { StoreKind } from './trial/options.ts';
import { summaryIn } from './trial/series.ts';

vi.setConfig({ testTimeout: 180_000, maxConcurrency: 6 });

/** Of each store one whose first faults differ: the coordinator, the store and what lies between them. */
const TRIALS: [StoreKind, number][] = [
  ['redis', 5],
  ['sentinel', 13],
  ['sqlite', 3],
];

/** Those that take a few seconds; `npm run faults -- cases` plays all. */
const CASES = ['stale', 'sdk', 'zombie', 'again', 'resume', 'resubscribe', 'resumereset', 'ghost', 'config', 'sqlite'];

const unavailable = process.platform === 'win32' ? 'Windows cannot freeze a process' : redisUnavailable();

// They wait more than they work.
describe.concurrent('faults, one after another, for 12 s', () => {
  test.for(TRIALS)('on %s, seed %d: what is promised stands', async ([store, seed], { skip }) => {
    if (store !== 'sqlite' && unavailable !== undefined) skip(unavailable);
    const args = ['--store', store, '--seed', String(seed), '--seconds', '12', '--services', '16'];
    const { output } = await runChild(args);
    const summary = summaryIn(output);
    expect(summary, output).toBeDefined();
    expect(summary?.kinds, output).toEqual({});
    const costs = summary?.faults.map(({ name, longest }) => `${name} ${longest} ms`).join(', ');
    rmSync(summary?.logs as string, { recursive: true });
    console.log(`${store}: ${summary?.counts.operations} operations; without an acknowledged write: ${costs}`);
  });
});

describe.concurrent('a fault', () => {
  test.for(CASES)('%s', async (name, { skip }) => {
    if (name !== 'sqlite' && unavailable !== undefined) skip(unavailable);
    const { code, output } = await runChild(['case', name]);
    expect(code, output).toBe(0);
  });
});
