import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Workbench } from '../support/workbench.ts';

const PRECIOUS = 'services:\n  cart:\n    ports: ["8080:80"]\n';
let bench: Workbench;
let tree: string;
let outside: string;

/** A tree with links to a file and a folder beside it. */
beforeEach(() => {
  bench = new Workbench();
  tree = join(bench.directory, 'tree');
  outside = join(bench.directory, 'outside');
  for (const folder of [tree, outside, join(tree, 'sub')]) mkdirSync(folder);
  writeFileSync(
    join(tree, 'portolan.yaml'),
    'project: shop\nservices:\n  cart: { endpoints: { default: { port: 4001 } } }\n',
  );
  writeFileSync(join(outside, 'compose.yaml'), PRECIOUS);
  symlinkSync(join(outside, 'compose.yaml'), join(tree, 'sub/compose.yaml'));
  symlinkSync(outside, join(tree, 'linked'));
});
afterEach(() => bench.clear());

const portolan = (line: string) => bench.portolan(line.split(' '), { directory: tree }).ended;
const precious = () => readFileSync(join(outside, 'compose.yaml'), 'utf8');

test('no link leads an output, or an edit of named files, out of the folder', async () => {
  const lines = [
    'export --format env -o sub/compose.yaml --force',
    'export --format compose -o linked/compose.yaml --force',
    'check --write-baseline linked/compose.yaml --force',
    'import . -o linked/compose.yaml --force',
    'docs linked -o linked/new.md --yes',
    'plan sub/compose.yaml -f portolan.yaml --move cart=4001 --write --yes',
    'plan linked -f portolan.yaml --move cart=4001 --write --yes',
  ];
  const ends = await Promise.all(lines.map(portolan));
  const refused = { code: 4, stderr: expect.stringContaining('symbolic link') };
  expect(ends.map(({ code, stderr }) => ({ code, stderr }))).toEqual(lines.map(() => refused));
  expect({ file: precious(), all: readdirSync(outside) }).toEqual({ file: PRECIOUS, all: ['compose.yaml'] });
});

test('a link that stays in the folder, and a path that is named in full, are followed', async () => {
  const move = ['-f', 'portolan.yaml', '--move', 'cart=4001', '--write', '--yes'];
  const { stderr } = await bench.portolan(['plan', outside, ...move], { directory: tree }).ended;
  expect({ stderr, file: precious() }).toEqual({ stderr: '', file: PRECIOUS.replace('8080', '4001') });
  writeFileSync(join(tree, 'compose.yaml'), PRECIOUS);
  symlinkSync('.', join(tree, 'here'));
  await bench.portolan(['plan', 'here', ...move], { directory: tree }).ended;
  expect(readFileSync(join(tree, 'compose.yaml'), 'utf8')).toContain('4001:80');
});

test('nothing that portolan did not write is overwritten unless that is said', async () => {
  writeFileSync(join(tree, '.env.ports'), 'PASSWORD=precious\n');
  const line = 'export --format env -o .env.ports';
  const refused = await portolan(line);
  expect({ code: refused.code, stderr: refused.stderr }).toEqual({
    code: 4,
    stderr: expect.stringContaining('.env.ports is there, and portolan did not write it'),
  });
  expect(readFileSync(join(tree, '.env.ports'), 'utf8')).toBe('PASSWORD=precious\n');
  expect((await portolan(`${line} --force`)).code).toBe(0);
  writeFileSync(
    join(tree, 'portolan.yaml'),
    'project: shop\nservices:\n  cart: { endpoints: { default: { port: 4009 } } }\n',
  );
  expect((await portolan(line)).code).toBe(0);
  expect(readFileSync(join(tree, '.env.ports'), 'utf8')).toContain('CART_PORT=4009');
});
