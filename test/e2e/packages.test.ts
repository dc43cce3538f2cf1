import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Workbench } from '../support/workbench.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

let bench: Workbench;

beforeAll(async () => {
  bench = new Workbench();
  await ended('npm', ['run', 'build', '--silent'], root);
  const packed = ['--pack-destination', join(bench.directory, 'packed')];
  await ended('npx', ['-y', 'pnpm@12', '-r', '--filter', './packages/*', 'pack', ...packed], root);
  writeFileSync(join(bench.directory, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const tarballs = readdirSync(join(bench.directory, 'packed')).map((name) => join(bench.directory, 'packed', name));
  expect(tarballs).toHaveLength(9);
  await ended('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs], bench.directory);
}, 240_000);
afterAll(() => bench?.clear());

/** Runs a program to its end, with all that the user who runs the tests has set for npm. */
async function ended(command: string, args: readonly string[], directory: string): Promise<string> {
  const environment = process.env as Record<string, string>;
  const { code, stdout, stderr } = await bench.run(command, args, { directory, environment }).ended;
  expect(code, `${command} ${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

test('the packages run where they are installed, without the workspace', { timeout: 60_000 }, async () => {
  const portolan = join(bench.directory, 'node_modules/.bin/portolan');
  expect(await ended(portolan, ['--version'], bench.directory)).toMatch(/^\d+\.\d+\.\d+\n$/);
  const up = bench.run(portolan, ['up', '--port', '0', '--json']);
  const [line] = await up.says(/\{"ready":true.*\}/);
  const { url } = JSON.parse(line);
  const reserved = await bench.run(portolan, ['reserve', 'shop/cart', '--range', '41000', '--url', url]).ended;
  expect(reserved).toMatchObject({ code: 0, stdout: '41000\n' });
  expect((await up.end('SIGINT')).code).toBe(0);
});

test('nothing that is installed with them runs code for that, and nothing reports to anybody', () => {
  const lock = JSON.parse(readFileSync(join(bench.directory, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const paths = Object.keys(lock.packages);
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => lock.packages[path]?.hasInstallScript || path.includes('@scarf/'))).toEqual([]);
});

test('their types are complete', { timeout: 60_000 }, async () => {
  writeFileSync(
    join(bench.directory, 'use.ts'),
    `import { connect, type Reserved } from '@portolan/client';
     import { fromEnvironment } from '@portolan/client/node';
     import { startAgent } from '@portolan/agent';
     import { choosePorts, PortSet } from '@portolan/model';
     import { startServer } from '@portolan/server';
     const client = connect({ url: 'http://127.0.0.1:7678', token: 't' });
     const reserved: Reserved = await client.reserve({ project: 'shop', service: 'cart' });
     // @ts-expect-error a service has to be named
     await client.reserve({ project: 'shop' });
     console.log(reserved.port, fromEnvironment, startAgent, choosePorts, PortSet, startServer);`,
  );
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const options = ['--noEmit', '--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024,esnext.disposable'];
  const tsc = join(root, 'node_modules/.bin/tsc');
  await ended(tsc, [...options, ...types, '--skipLibCheck', 'use.ts'], bench.directory);
});
