import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holderState, nameAsHolder } from './holder.ts';

beforeEach((context) => context.skip(process.platform !== 'linux', 'only Linux has /proc'));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const own = () => nameAsHolder() as string;
const [PID, TICKS, NAMESPACE] = [0, 1, 2];

/** This process's name with a part of another's. */
function changed(part: number, value: string | number): string {
  return own().split('.').with(part, String(value)).join('.');
}

function ticksOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')[19] as string;
}

test('a holder lives as long as its process does', async () => {
  expect(holderState(own())).toBe('alive');
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  const pid = child.pid as number;
  const name = `${pid}.${ticksOf(pid)}.${own().split('.')[NAMESPACE]}`;
  expect(holderState(name)).toBe('alive');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(holderState(name)).toBe('gone');
});

test('one that ended is gone, though nobody has asked how', async () => {
  // The shell becomes a program that never asks after its children.
  const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(parent);
  const pid = Number((await once(parent.stdout, 'data'))[0]);
  const name = `${pid}.${ticksOf(pid)}.${own().split('.')[NAMESPACE]}`;
  expect(holderState(name)).toBe('alive');
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'latin1'), { timeout: 60_000 }).toContain(') Z ');
  expect(holderState(name)).toBe('gone');
});

test('a pid that another process has by now is not the holder', () => {
  expect(holderState(changed(TICKS, 1))).toBe('gone');
});

test('nothing is said of who cannot be seen from here, or is no name at all', () => {
  expect(holderState(changed(NAMESPACE, 1))).toBeUndefined();
  for (const name of [
    null,
    '',
    '4711',
    `0${own()}`,
    `${own()} `,
    `${own()}.1`,
    changed(PID, -1),
    changed(PID, '1e3'),
  ]) {
    expect(holderState(name), String(name)).toBeUndefined();
  }
});
