import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serviceArgument } from './argument.ts';
import { claimInstance, instanceOf } from './instance.ts';
import { worktreeAt } from './worktree.ts';

let directory: string;
const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.net', ...args], { cwd, stdio: 'ignore' });

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'portolan-worktree-')));
});
afterEach(() => rmSync(directory, { recursive: true }));

function repository(name: string): string {
  const root = join(directory, name);
  mkdirSync(join(root, 'deep'), { recursive: true });
  git(root, 'init', '--quiet');
  git(root, 'commit', '--quiet', '--allow-empty', '-m', 'begin');
  return root;
}

describe('a worktree', () => {
  test('is known from any directory within, a linked one by the name of its repository', () => {
    const shop = repository('shop');
    git(shop, 'worktree', 'add', '--quiet', join(directory, 'shop-blue'));
    const blue = join(directory, 'shop-blue');
    expect(worktreeAt(join(shop, 'deep'))).toEqual({ root: shop, repository: 'shop', linked: false });
    expect(worktreeAt(blue)).toEqual({ root: blue, repository: 'shop', linked: true });
    expect(serviceArgument('web', blue, {}).project).toBe('shop');
  });

  test('of a bare repository has that one as its project', () => {
    const shop = repository('shop');
    git(directory, 'clone', '--quiet', '--bare', shop, 'store.git');
    git(join(directory, 'store.git'), 'worktree', 'add', '--quiet', join(directory, 'red'));
    expect(worktreeAt(join(directory, 'red'))).toMatchObject({ repository: 'store', linked: true });
  });

  test('that is a submodule is a repository of its own', () => {
    const part = repository('part');
    const shop = repository('shop');
    git(shop, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', part, 'inner');
    expect(worktreeAt(join(shop, 'inner'))).toMatchObject({ repository: 'inner', linked: false });
  });

  test('is none where there is no repository', () => {
    expect(worktreeAt(directory)).toBeUndefined();
  });
});

describe('the number of a directory', () => {
  const claim = (root: string) => claimInstance('shop', root, directory);
  const kept = (root: string) => instanceOf('shop', root, directory);

  test('is another for each of many that ask at once, and stays', async () => {
    const roots = Array.from({ length: 12 }, (_, i) => `/trees/${i}`);
    const given = await Promise.all(roots.map(claim));
    expect(given.toSorted((a, b) => a - b)).toEqual(roots.map((_, i) => i + 2));
    expect(await Promise.all(roots.map(kept))).toEqual(given);
    expect(await instanceOf('other', '/trees/0', directory)).toBeUndefined();
  });

  test('is the later one when the first had to be given up', async () => {
    await claim('/trees/a');
    expect(await claim('/trees/a')).toBe(3);
    expect(await kept('/trees/a')).toBe(3);
  });

  test('is not guessed where a file is damaged', async () => {
    await claim('/trees/a');
    writeFileSync(join(directory, 'instances', 'shop', '2'), '');
    await expect(kept('/trees/a')).rejects.toThrow('damaged');
    await expect(claim('/trees/b')).rejects.toThrow('damaged');
    expect(readdirSync(join(directory, 'instances', 'shop'))).toEqual(['2']);
  });
});
