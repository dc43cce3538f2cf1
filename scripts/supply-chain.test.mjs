import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { supplyChainProblems } from './supply-chain.mjs';

let root;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'portolan-supply-'));
  writeFileSync(join(root, 'pnpm-workspace.yaml'), 'allowBuilds:\n  ssh2: false\n');
});
afterEach(() => rmSync(root, { recursive: true }));

/** A workspace whose server depends on `first`, and that on `second`; the tests on `ssh2`. */
function workspace(manifests) {
  const version = '1.0.0';
  const lock = {
    importers: {
      '.': { devDependencies: { ssh2: { version }, tool: { version } } },
      'packages/server': { dependencies: { first: { version: '1.0.0(peer@1.0.0)' } } },
    },
    packages: Object.fromEntries(Object.keys(manifests).map((name) => [`${name}@${version}`, {}])),
    snapshots: {
      'first@1.0.0(peer@1.0.0)': { dependencies: { '@some/second': version } },
      '@some/second@1.0.0': {},
    },
  };
  // JSON is YAML.
  writeFileSync(join(root, 'pnpm-lock.yaml'), JSON.stringify(lock));
  for (const [name, manifest] of Object.entries({ ...manifests, left: { scripts: { install: 'of before' } } })) {
    const folder = join(root, 'node_modules/.pnpm', `${name.replace('/', '+')}@1.0.0`, 'node_modules', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, ...manifest }));
  }
}

test('the dependencies of this workspace run nothing when they are installed, and report to nobody', () => {
  expect(supplyChainProblems(fileURLToPath(new URL('..', import.meta.url)))).toEqual([]);
});

test('an install script deep in what users install is told, whether or not it would be allowed elsewhere', () => {
  workspace({ first: {}, '@some/second': { scripts: { postinstall: 'node ./report.js' } } });
  expect(supplyChainProblems(root)).toEqual([
    '@some/second@1.0.0 runs code when it is installed (postinstall: node ./report.js), and users of Portolan would install it',
  ]);
});

test('of what is there for tests alone only the few that are listed may have a script', () => {
  workspace({ ssh2: { scripts: { install: 'make' } }, tool: { scripts: { preinstall: 'x' } } });
  expect(supplyChainProblems(root)).toEqual([expect.stringMatching(/^tool@1\.0\.0 runs code .*: do without it/)]);
});

test('packages that are known to report are told by their names, and nothing may be built', () => {
  workspace({ '@scarf/scarf': {} });
  writeFileSync(join(root, 'pnpm-workspace.yaml'), 'allowBuilds:\n  ssh2: true\n');
  expect(supplyChainProblems(root)).toEqual([
    expect.stringMatching(/^@scarf\/scarf@1\.0\.0 is known to report/),
    'pnpm-workspace.yaml lets ssh2 run code when it is installed; no package may',
  ]);
});
