import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const reporter = fileURLToPath(new URL('summary-reporter.mjs', import.meta.url));

/**
 * @param {Record<string, string>} files test files by name
 * @param {string[]} args
 */
async function summaryOf(files, args = []) {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-summary-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, source] of Object.entries(files)) await writeFile(join(folder, name), source);
  const summary = join(folder, 'summary.json');
  const { VITEST: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--root', folder, '--globals', `--reporter=${reporter}`, ...args],
    { env: { ...env, PORTOLAN_TEST_SUMMARY: summary }, stdio: 'ignore' },
  );
  await once(child, 'exit');
  return JSON.parse(await readFile(summary, 'utf8'));
}

test('whatever goes wrong outside of tests counts as failed too', async () => {
  const { passed, failed, skipped } = await summaryOf({
    'load.test.js': `import './nothing.js';`,
    'hook.test.js': `describe('suite', () => { beforeAll(() => { throw new Error('no'); }); test('inside', () => {}); });`,
    'unhandled.test.js': `test('passes', () => { void Promise.reject(new Error('unhandled')); });`,
    'plain.test.js': `test('fails', () => { throw new Error('no'); });`,
  });
  expect({ passed, failed }).toEqual({ passed: 1, failed: 4 });
  expect(skipped).toEqual([{ name: 'hook.test.js > suite > inside', why: 'its suite failed before it' }]);
});

test('a skipped test says why', async () => {
  const { passed, failed, skipped } = await summaryOf({
    'a.test.js': `test('sails', (context) => context.skip('no wind')); test.skip('rows', () => {}); test('swims', () => {});`,
  });
  expect({ passed, failed }).toEqual({ passed: 1, failed: 0 });
  expect(skipped).toEqual([
    { name: 'a.test.js > sails', why: 'no wind' },
    { name: 'a.test.js > rows', why: 'no reason was given' },
  ]);
});

test('tests that a name filter leaves out are not called skipped', async () => {
  const files = { 'a.test.js': `test('sails', () => {}); test('rows', () => {});` };
  expect(await summaryOf(files, ['-t', 'rows'])).toEqual({ passed: 1, failed: 0, skipped: [], repeated: [] });
});

test('a test that passed the second time only is named, with what went wrong first', async () => {
  const { passed, failed, repeated } = await summaryOf({
    'a.test.js': `let tries = 0; test('sails', { retry: 1 }, () => { if (++tries < 2) throw new Error('no wind'); });
      test('sinks', { retry: 1 }, () => { throw new Error('no hull'); });`,
  });
  expect({ passed, failed }).toEqual({ passed: 1, failed: 1 });
  expect(repeated).toEqual([{ name: 'a.test.js > sails', why: 'no wind' }]);
});
