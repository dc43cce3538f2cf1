import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readState, writeStateOnce } from './state-file.ts';
import { ensureToken, readToken } from './token.ts';

const number = (text: string) => (/^\d+\n$/.test(text) ? Number(text) : undefined);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-state-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('of many that write at once one wins, whole, and no draft stays', async () => {
  const path = join(directory, 'deep', 'state');
  const written = await Promise.all(Array.from({ length: 20 }, (_, i) => writeStateOnce(path, `${i}\n`)));
  expect(written.filter(Boolean)).toHaveLength(1);
  expect(await readState(path, number)).toBe(written.indexOf(true));
  expect(await readdir(join(directory, 'deep'))).toEqual(['state']);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('what is not there is none; what is damaged is told and left as it is', async () => {
  const path = join(directory, 'state');
  expect(await readState(path, number)).toBeUndefined();
  for (const damaged of ['', '\0\0\0\0', 'half a']) {
    await writeFile(path, damaged);
    await expect(readState(path, number)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('damaged'),
      data: { path },
    });
    expect(await readFile(path, 'utf8')).toBe(damaged);
  }
});

test('a token file that lost its content is told, and no new token takes its place', async () => {
  const path = join(directory, 'token');
  for (const damaged of ['', '\0\0\0\0', 'two words']) {
    await writeFile(path, damaged);
    await expect(readToken(directory)).rejects.toThrow('damaged');
    await expect(ensureToken(directory)).rejects.toThrow('damaged');
    expect(await readFile(path, 'utf8')).toBe(damaged);
  }
});
