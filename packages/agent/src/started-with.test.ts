import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { startedWith } from './started-with.ts';

test.runIf(process.platform === 'linux')(
  'a process is known by a variable that it was started with, until it ends',
  async () => {
    const lease = `lease-${process.pid}-${Date.now()}`;
    expect(startedWith(['PORTOLAN_LEASE', lease])).toEqual([]);
    const [first, longer] = [lease, `${lease}-2`].map((PORTOLAN_LEASE) =>
      spawn('sleep', ['600'], { env: { PATH: process.env.PATH, PORTOLAN_LEASE }, stdio: 'ignore' }),
    );
    try {
      await vi.waitFor(() => expect(startedWith(['PORTOLAN_LEASE', lease])).toEqual([first?.pid]), { timeout: 60_000 });
    } finally {
      for (const child of [first, longer]) {
        child?.kill('SIGKILL');
        if (child) await once(child, 'exit');
      }
    }
    expect(startedWith(['PORTOLAN_LEASE', lease])).toEqual([]);
  },
);
