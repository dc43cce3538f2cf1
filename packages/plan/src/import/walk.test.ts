import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { walk } from './walk.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'portolan-walk-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(...paths: string[]): void {
  for (const path of paths) {
    const [name = '', text = ''] = path.split(' <- ');
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

const found = (paths = [root], extra: string[] = []) => walk(paths, extra).files.map(({ path }) => path);

test('folders of others’ code and of what tools make are passed over', () => {
  put(
    'a.md',
    'node_modules/x/a.md',
    'apps/web/dist/a.js',
    'venv2/pyvenv.cfg',
    'venv2/lib/a.py',
    'apps/web/src/a.ts',
    '.git/config',
  );
  expect(found()).toEqual(['a.md', 'apps/web/src/a.ts']);
});

test('.gitignore holds below its folder, and the inner one decides', () => {
  put('.gitignore <- *.log\n/only-here\nsecret/\n', 'a.log', 'only-here', 'x/only-here', 'secret/a.md');
  put('x/.gitignore <- !keep.log\nb.md\n', 'x/keep.log', 'x/b.md', 'x/y/b.md', 'b.md');
  expect(found().filter((path) => !path.endsWith('.gitignore'))).toEqual(['b.md', 'x/keep.log', 'x/only-here']);
});

test('below a folder of a repository, its .gitignore above and its exclude file hold as well', () => {
  put('.git/info/exclude <- c.md\n', '.gitignore <- a.md\n', 'x/a.md', 'x/b.md', 'x/c.md');
  expect(found([join(root, 'x')])).toEqual(['b.md']);
});

test('symbolic links are not followed, so that there are no loops and nothing from outside', () => {
  put('a/a.md');
  symlinkSync('..', join(root, 'a/loop'));
  symlinkSync('/etc', join(root, 'etc'));
  symlinkSync('a/a.md', join(root, 'b.md'));
  symlinkSync('nowhere', join(root, 'c.md'));
  expect(found()).toEqual(['a/a.md']);
});

test('several paths have one root, the deepest folder above them all', () => {
  put('x/y/a.md', 'x/z/b.md', 'x/z/.env');
  const walked = walk([join(root, 'x/y'), join(root, 'x/z/.env')]);
  expect(walked.root).toBe(join(root, 'x'));
  expect(walked.files).toMatchObject([
    { path: 'y/a.md', named: false },
    { path: 'z/.env', named: true },
  ]);
});

test('further patterns are left out', () => {
  put('a.md', 'legacy/a.md');
  expect(found([root], ['legacy/'])).toEqual(['a.md']);
});

test('a pattern that would take for ever is passed over', () => {
  put(`.gitignore <- ${'a*'.repeat(60)}b\n`, 'a'.repeat(200));
  expect(found()).toEqual(['.gitignore', 'a'.repeat(200)]);
});

test('a path that is not there is told', () => {
  expect(() => walk([join(root, 'no')])).toThrow(/no cannot be read: there is no such file/);
});
