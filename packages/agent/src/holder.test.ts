import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeEach, expect, test } from 'vitest';
import { holderState, nameAsHolder } from './holder.ts';

beforeEach((context) => context.skip(process.platform !== 'linux', 'only Linux has /proc'));

test('a holder is named so that it can be told whether it lives, and only where its pid counts', () => {
  const own = nameAsHolder() as string;
  expect(holderState(own)).toBe('alive');
  const [pid, startedAt, namespace] = own.split('.') as [string, string, string];
  expect(holderState(`${pid}.${Number(startedAt) - 60_000}.${namespace}`)).toBe('gone');
  expect(holderState(`${pid}.${startedAt}.abc`)).toBeUndefined();
  for (const name of [
    null,
    '',
    pid,
    `0${own}`,
    `${own} `,
    `-1.${startedAt}.${namespace}`,
    `1e3.${startedAt}.${namespace}`,
  ]) {
    expect(holderState(name), String(name)).toBeUndefined();
  }
});

test('it is gone when it has ended', async () => {
  const [, , namespace] = (nameAsHolder() as string).split('.');
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const name = `${child.pid}.${Date.now()}.${namespace}`;
  expect(holderState(name)).toBe('alive');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(holderState(name)).toBe('gone');
});
