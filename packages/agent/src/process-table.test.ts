import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { nameAsHolder } from './holder.ts';
import { ProcessTable } from './process-table.ts';

const linux = process.platform === 'linux';

/** A process that listens on a port, and the inode of its socket. */
async function listening(environment: NodeJS.ProcessEnv = {}): Promise<{ pid: number; inode: number }> {
  const script = `const server = require('net').createServer().listen(0, '127.0.0.1', () => console.log(server._handle.fd));`;
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [descriptor] = await once(child.stdout, 'data');
  const target = readlinkSync(`/proc/${child.pid}/fd/${String(descriptor).trim()}`);
  return { pid: child.pid as number, inode: Number(/\d+/.exec(target)?.[0]) };
}

test.runIf(linux)(
  'a socket whose process was not listed yet is found soon after, and then the search gets rare',
  async () => {
    const table = new ProcessTable();
    table.list(0);
    const { pid, inode } = await listening();
    table.update([inode], [], 0);
    expect(table.ownerOf(inode)).toBeNull();

    table.list(1000);
    expect(table.update([], [], 1000)).toContain(inode);
    expect(table.ownerOf(inode)?.process.pid).toBe(pid);
  },
);

test.runIf(linux)('a process that is gone before it is looked into owns nothing', async () => {
  const table = new ProcessTable();
  const { pid, inode } = await listening();
  table.list(0);
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => readdirSync('/proc').includes(String(pid)), { timeout: 60_000 }).toBe(false);
  expect(() => table.update([inode], [], 0)).not.toThrow();
  expect(table.ownerOf(inode)).toBeNull();
});

test.runIf(linux)('a pid that another process has taken over is not mistaken for the one before', async () => {
  const table = new ProcessTable();
  const { pid, inode } = await listening();
  table.list(0);
  table.update([inode], [], 0);
  const owner = table.ownerOf(inode)?.process as { startedAt: number };
  // As if the process known by this pid had been an earlier one.
  owner.startedAt -= 60_000;
  for (let scan = 1; scan <= 16; scan++) table.update([], [], scan * 1000);
  expect(table.ownerOf(inode)?.process).toMatchObject({ pid, startedAt: owner.startedAt + 60_000 });
});

test.runIf(linux)('the end of the process that holds the ports of another is noticed at the next look', async () => {
  const holder = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(holder, 'spawn');
  const [, , namespace] = (nameAsHolder() as string).split('.');
  const name = [holder.pid, Date.now(), namespace].join('.');
  const table = new ProcessTable();
  const { inode } = await listening({ PORTOLAN_HOLDER: name });
  table.list(0);
  table.update([inode], [], 0);
  expect(table.ownerOf(inode)?.holder).toBe('alive');
  table.list(1000);
  expect([...table.update([], [], 1000)]).toEqual([]);

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  table.list(2000);
  expect([...table.update([], [], 2000)]).toEqual([inode]);
  expect(table.ownerOf(inode)?.holder).toBe('gone');
  table.list(3000);
  expect([...table.update([], [], 3000)]).toEqual([]);
});
