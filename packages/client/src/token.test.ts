import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fromEnvironment } from './node.ts';
import { ensureToken, readToken, stateDir } from './token.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-token-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  return rm(directory, { recursive: true });
});

test('a token is made once, for its owner alone, and then kept', async () => {
  expect(await readToken(directory)).toBeUndefined();
  const token = await ensureToken(directory);
  expect(token).toMatch(/^ptn_[\w-]{43}$/);
  expect(await ensureToken(directory)).toBe(token);
  expect((await stat(join(directory, 'token'))).mode & 0o777).toBe(0o600);
});

test('processes that make the token at once end with one, and leave nothing behind', async () => {
  const module = new URL('./token.ts', import.meta.url).href;
  const script = `console.log(await (await import(${JSON.stringify(module)})).ensureToken(${JSON.stringify(directory)}))`;
  const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const tokens = await Promise.all(Array.from({ length: 4 }, async () => (await run()).stdout.trim()));
  expect(new Set(tokens).size).toBe(1);
  expect(await readdir(directory)).toEqual(['token']);
});

test('state lies where the environment says', () => {
  expect(stateDir({ PORTOLAN_STATE_DIR: '/a' })).toBe('/a');
  expect(stateDir({ XDG_STATE_HOME: '/b' })).toBe('/b/portolan');
  expect(stateDir({})).toMatch(/\.local\/state\/portolan$/);
});

test('without any token it says how to come by one', async () => {
  vi.stubEnv('PORTOLAN_STATE_DIR', directory);
  vi.stubEnv('PORTOLAN_TOKEN', '');
  await expect(fromEnvironment()).rejects.toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining('portolan up'),
  });
});
