import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { withLock } from './lock.mjs';

async function lockPath() {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-lock-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'lock');
}

test('only one holds the lock at a time, and each gets its turn', async () => {
  const path = await lockPath();
  let holders = 0;
  const seen = await Promise.all(
    Array.from({ length: 4 }, () =>
      withLock(path, async () => {
        const now = ++holders;
        await sleep(20);
        holders--;
        return now;
      }),
    ),
  );
  expect(seen).toEqual([1, 1, 1, 1]);
  expect(existsSync(path)).toBe(false);
});

test('the lock is free again after its holder failed', async () => {
  const path = await lockPath();
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withLock(path, async () => 'mine')).toBe('mine');
});

test('the lock of a holder that died is taken over', async () => {
  const path = await lockPath();
  await mkdir(path);
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(path, longAgo, longAgo);
  expect(await withLock(path, async () => 'mine')).toBe('mine');
});
