import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PortolanError } from '@portolan/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { explainOverride, portOverride } from './port-override.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-override-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('the environment goes before .env.local, and that before .env', async () => {
  expect(await portOverride(directory, {})).toBeUndefined();
  await writeFile(join(directory, '.env'), 'PORT=3003\n');
  expect(await portOverride(directory, {})).toEqual({ port: 3003, source: 'PORT in .env', isInFile: true });
  await writeFile(join(directory, '.env.local'), '# mine\nexport PORT="3002" # not the usual one\n');
  expect(await portOverride(directory, {})).toEqual({ port: 3002, source: 'PORT in .env.local', isInFile: true });
  expect(await portOverride(directory, { PORT: '3001' })).toEqual({
    port: 3001,
    source: 'PORT in the environment',
    isInFile: false,
  });
});

test('a file that says nothing of PORT leaves it to the next', async () => {
  await writeFile(join(directory, '.env.local'), 'REPORT=1\nPORT=\n');
  await writeFile(join(directory, '.env'), 'PORT=3003\n');
  expect(await portOverride(directory, { PORT: '' })).toMatchObject({ port: 3003 });
});

test.skipIf(process.platform === 'win32')(
  'a pipe and a directory are taken for no file, and hold up nothing',
  async () => {
    execFileSync('mkfifo', [join(directory, '.env.local')]);
    await mkdir(join(directory, '.env'));
    expect(await portOverride(directory, {})).toBeUndefined();
  },
);

test('a file that is too large is refused, and said to be', async () => {
  await writeFile(join(directory, '.env'), `PORT=3003\n${'#'.repeat(64 * 1024)}`);
  await expect(portOverride(directory, {})).rejects.toThrow(/\.env could not be read.*65536 bytes/);
});

test('a PORT that an outer run has given is not taken for a wish, and 0 is none', async () => {
  const outer = { PORT: '3001', PORTOLAN_ENDPOINTS: 'shop/web:default=3001/tcp' };
  expect(await portOverride(directory, outer)).toBeUndefined();
  expect(await portOverride(directory, { ...outer, PORT: '3009' })).toMatchObject({ port: 3009 });
  expect(await portOverride(directory, { PORT: '0' })).toBeUndefined();
});

test('what is no port is refused with the place where it stands', async () => {
  await writeFile(join(directory, '.env'), 'PORT=eighty\n');
  await expect(portOverride(directory, {})).rejects.toMatchObject({
    code: 'invalid-request',
    message: expect.stringContaining('PORT in .env is "eighty"'),
  });
  await expect(portOverride(directory, { PORT: '65536' })).rejects.toThrow('65536');
});

test('a refusal says which file asked for the port, and keeps what it knows', () => {
  const refusal = new PortolanError('port-taken', 'tcp port 3000 is assigned to shop/cart', { suggestions: [3001] });
  const told = explainOverride(refusal, { port: 3000, source: 'PORT in .env', isInFile: true });
  expect(told).toMatchObject({
    code: 'port-taken',
    message: expect.stringMatching(/PORT in \.env asks for 3000.*shop\/cart/),
    data: { suggestions: [3001] },
  });
  const other = new PortolanError('unreachable', 'nobody there');
  expect(explainOverride(other, { port: 3000, source: 'PORT in .env', isInFile: true })).toBe(other);
});
