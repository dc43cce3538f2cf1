import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { browserUnavailable, findBrowser } from '../support/browser.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const examples = join(root, 'test/examples');

let bench: Workbench;
let coordinator: Coordinator;

beforeAll(async () => {
  bench = new Workbench();
  coordinator = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')]);
});
afterAll(() => bench?.clear());

async function ran(command: string, args: readonly string[], directory: string): Promise<string> {
  const environment = {
    PATH: process.env.PATH ?? '',
    PORTOLAN_URL: coordinator.url,
    PORTOLAN_TOKEN: bench.token,
    ...(browserUnavailable() === undefined && { CHROMIUM: findBrowser() }),
  };
  const { code, stdout, stderr } = await bench.run(command, args, { directory, environment }).ended;
  expect(code, stdout + stderr).toBe(0);
  return stdout + stderr;
}

test('the examples for Vitest pass with a worker for each file', async () => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const told = await ran(process.execPath, [vitest, 'run', '--maxWorkers=4'], join(examples, 'vitest'));
  expect(told).toMatch(/Test Files\s+4 passed/);
  expect(told).toMatch(/Tests\s+5 passed/);
});

test('the page on tests shows the examples as they are', () => {
  const page = readFileSync(join(root, 'docs/testing.md'), 'utf8');
  const shown = ['vitest', 'playwright', 'jest'].flatMap((folder) =>
    readdirSync(join(examples, folder))
      .filter((name) => /\.(ts|mjs)$/.test(name) && name !== 'vitest.config.ts')
      .map((name) => join(examples, folder, name)),
  );
  for (const file of shown) expect(page, file).toContain(readFileSync(file, 'utf8').trim());
});

test('the example for Playwright passes with four workers and one server', async ({ skip }) => {
  const unavailable = browserUnavailable();
  skip(unavailable !== undefined, unavailable);
  const cli = join(root, 'node_modules/@playwright/test/cli.js');
  const output = ['--reporter=line', '--output', join(bench.directory, 'playwright')];
  const told = await ran(process.execPath, [cli, 'test', ...output], join(examples, 'playwright'));
  expect(told).toMatch(/4 passed/);
});
