import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { holderIn, isStillThere, worksBeside, worksIn } from './holder.ts';

const host = hostname();

test('two programs in one directory are of one copy, and in two directories they are not', () => {
  const there = mkdtempSync(join(tmpdir(), 'portolan-holder-'));
  const held = holderIn(`claude-code@${host}`, there);
  expect(held).toBe(`claude-code@${host}:${there}`);
  expect(worksIn(held, there)).toBe(true);
  expect(worksBeside(held, there)).toBe(false);
  expect(worksIn(held, '/elsewhere')).toBe(false);
  expect(worksBeside(held, '/elsewhere')).toBe(true);
  expect(isStillThere(held)).toBe(true);
  rmSync(there, { recursive: true });
  expect(isStillThere(held)).toBe(false);
  for (const other of [undefined, `ann@${host}`, `ann@another-${host}:/srv`]) {
    expect(worksBeside(other, '/elsewhere')).toBe(false);
    expect(worksIn(other, '/srv')).toBe(false);
  }
});

test('of a very long name and a very long directory, the directory is still told from others', () => {
  const deep = `/${'d'.repeat(300)}`;
  const [one, two] = [holderIn(`${'n'.repeat(300)}@${host}`, `${deep}/a`), holderIn(`ann@${host}`, `${deep}/b`)];
  expect(Math.max(one.length, two.length)).toBeLessThanOrEqual(255);
  expect(worksIn(one, `${deep}/a`)).toBe(true);
  expect(worksIn(two, `${deep}/a`)).toBe(false);
  expect(worksBeside(two, `${deep}/a`)).toBe(true);
});
