import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
