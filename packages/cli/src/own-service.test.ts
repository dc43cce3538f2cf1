import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownService } from './own-service.ts';
import { fillPorts } from './placeholder.ts';

let root: string;
beforeEach(() => {
  root = join(realpathSync(mkdtempSync(join(tmpdir(), 'portolan-own-'))), 'shop');
  mkdirSync(join(root, 'apps', 'web', 'src'), { recursive: true });
});
afterEach(() => rmSync(join(root, '..'), { recursive: true }));

const repository = () => mkdirSync(join(root, '.git'));
const name = (directory: string, content: unknown) =>
  writeFileSync(join(directory, 'package.json'), JSON.stringify(content));

test('the service is the package that the directory is in, its project the repository', () => {
  repository();
  name(root, { name: 'everything' });
  name(join(root, 'apps', 'web'), { name: '@shop/the web' });
  expect(ownService(join(root, 'apps', 'web', 'src'), {})).toBe('shop/the-web');
  expect(ownService(join(root, 'apps'), {})).toBe('shop/everything');
  expect(ownService(join(root, 'apps'), { PORTOLAN_PROJECT: 'mana' })).toBe('mana/everything');
});

test('without a package the directory names it, at the top the repository', () => {
  repository();
  name(join(root, 'apps'), { private: true });
  expect(ownService(join(root, 'apps'), {})).toBe('shop/apps');
  expect(ownService(root, {})).toBe('shop/shop');
});

test('a package beyond the repository is not looked at', () => {
  name(join(root, '..'), { name: 'outside' });
  repository();
  expect(ownService(root, {})).toBe('shop/shop');
});

test('outside of a repository it says what to write', () => {
  expect(() => ownService(root, {})).toThrow('portolan run project/name');
  expect(ownService(root, { PORTOLAN_PROJECT: 'mana' })).toBe('mana/shop');
});

test('placeholders become ports; a command without any is left alone', () => {
  const ports = { web: 4000, 'admin-ui': 4001 };
  expect(fillPorts(['php', '-S', '127.0.0.1:{port}', '{port:admin-ui}'], ports, 4000)).toEqual([
    'php',
    '-S',
    '127.0.0.1:4000',
    '4001',
  ]);
  expect(fillPorts(['vite', '{porthole}'], ports, 4000)).toBeUndefined();
  expect(() => fillPorts(['{port:wbe}'], ports, 4000)).toThrow('web, admin-ui');
});
