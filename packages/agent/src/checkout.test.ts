import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkoutOf, sharesFiles } from './checkout.ts';

let top: string;
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'portolan-checkout-')));
});
afterEach(() => rmSync(top, { recursive: true }));

const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.net', ...args], { cwd, stdio: 'ignore' });

function repository(...path: string[]): string {
  const root = directory(...path);
  git(root, 'init', '--quiet');
  return root;
}

function directory(...path: string[]): string {
  const made = join(top, ...path);
  mkdirSync(made, { recursive: true });
  return made;
}

const at = (cwd: string, more: { script?: string; project?: string; home?: string } = {}) =>
  checkoutOf({ cwd, script: more.script ?? null, project: more.project ?? null, home: more.home ?? null });

describe('the project of a process', () => {
  test('is a guess by the name of its repository, also from a linked worktree', () => {
    const shop = repository('shop');
    const folder = directory('shop', 'services', 'cart');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: '@shop/basket' }));
    expect(at(folder)).toEqual({
      project: 'shop',
      guess: true,
      told: `git repository ${shop}`,
      folder,
      service: 'basket',
    });
    git(shop, 'commit', '--quiet', '--allow-empty', '-m', 'begin');
    git(shop, 'worktree', 'add', '--quiet', join(top, 'shop-blue'));
    expect(at(join(top, 'shop-blue'))).toMatchObject({
      project: 'shop',
      told: `git worktree ${join(top, 'shop-blue')} of shop`,
    });
  });

  test('is no guess where a manifest or the environment says it', () => {
    const root = repository('clone-2');
    writeFileSync(join(root, 'portolan.yaml'), '# ours\nproject: "shop"   # all of it\nservices: {}\n');
    expect(at(root)).toMatchObject({ project: 'shop', guess: false, told: `${root}/portolan.yaml` });
    expect(at(repository('other'), { project: 'bank' })).toMatchObject({ project: 'bank', guess: false });
    expect(at(directory('nowhere'), { project: 'bank' })).toMatchObject({ project: 'bank', folder: null });
  });

  test('is not known outside of a repository, in a home that is one, and in a directory that is gone', () => {
    expect(at(directory('nowhere'))).toBeNull();
    const home = repository('ada');
    expect(at(home, { home })).toBeNull();
    expect(at(directory('ada', 'notes'), { home })).toBeNull();
    expect(at(`${repository('gone')} (deleted)`)).toBeNull();
  });

  test('follows the folder of its script, but not into a library', () => {
    const root = repository('mono');
    const api = directory('mono', 'apps', 'api', 'dist');
    expect(at(root, { script: 'apps/api/dist/main.js' })).toMatchObject({ folder: join(api, '..'), service: 'api' });
    expect(at(root, { script: 'node_modules/.bin/vite' })).toMatchObject({ folder: root, service: 'mono' });
    expect(at(root, { script: '/usr/lib/tool/index.js' })).toMatchObject({ folder: root });
  });
});

describe('what somebody else put there', () => {
  test('is not followed, not waited for, and not read beyond its measure', () => {
    const secret = join(top, 'secret.json');
    writeFileSync(secret, JSON.stringify({ name: 'stolen' }));
    const plant: Record<string, (file: string) => void> = {
      link: (file) => symlinkSync(secret, file),
      pipe: (file) => execFileSync('mkfifo', [file]),
      folder: (file) => mkdirSync(file),
      huge: (file) => writeFileSync(file, JSON.stringify({ name: 'huge', text: 'x'.repeat(300_000) })),
    };
    for (const [name, put] of Object.entries(plant)) {
      const root = repository(name);
      put(join(root, 'package.json'));
      put(join(root, 'portolan.yaml'));
      expect(at(root), name).toMatchObject({ project: name, guess: true, service: name });
    }
    for (const [name, put] of Object.entries(plant)) {
      const root = directory(`marked-${name}`);
      put(join(root, '.git'));
      // What it points at is not looked at; a pipe is no mark of anything.
      if (name === 'pipe') expect(at(root), name).toBeNull();
      else expect(at(root), name).toMatchObject({ project: `marked-${name}`, guess: true });
    }
  });

  test('is no name when it is written to be one of nobody, or in no way that a name is', () => {
    const root = repository('quiet');
    for (const text of [
      'project: unknown\n',
      'project: ../../etc\n',
      `project: ${'x'.repeat(100)}\n`,
      'project:\n  - a\n',
    ]) {
      writeFileSync(join(root, 'portolan.yaml'), text);
      const found = at(directory('quiet', `folder-${text.length}`));
      expect(found?.project ?? 'quiet', text).toBe('quiet');
    }
  });
});

test.runIf(process.platform === 'linux')(
  'the files of a process are those of this one where its directory is the same',
  () => {
    expect(sharesFiles(process.pid, process.cwd())).toBe(true);
    expect(sharesFiles(process.pid, top)).toBe(false);
    expect(sharesFiles(2 ** 30, process.cwd())).toBe(false);
  },
);
