import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { leaseKeepers } from './lease-keeper.ts';

test.runIf(process.platform === 'linux')('a process keeps the lease of its environment until it ends', async () => {
  const lease = `lease-${process.pid}-${Date.now()}`;
  expect(leaseKeepers(lease)).toEqual([]);
  const [first, longer] = [lease, `${lease}-2`].map((PORTOLAN_LEASE) =>
    spawn('sleep', ['600'], { env: { PATH: process.env.PATH, PORTOLAN_LEASE }, stdio: 'ignore' }),
  );
  try {
    await vi.waitFor(() => expect(leaseKeepers(lease)).toEqual([first?.pid]), { timeout: 60_000 });
  } finally {
    for (const child of [first, longer]) {
      child?.kill('SIGKILL');
      if (child) await once(child, 'exit');
    }
  }
  expect(leaseKeepers(lease)).toEqual([]);
});
