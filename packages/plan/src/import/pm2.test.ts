import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { read, said } from './reading.fixture.ts';

const file = (body: string, name = 'ecosystem.config.cjs') => said(name, body);
const notes = (body: string) => read('ecosystem.config.cjs', body).notes.map(({ text }) => text);

test('ports by label, of the environment, and of the arguments', () => {
  const body = `module.exports = { apps: [{
    name: 'browser', script: 'server.js',
    ports: { cdp: 5556, health: 5557 },
    env: { CDP_PORT: 5556, PORT: 5557, API_URL: 'http://localhost:5554' },
    env_production: { PORT: '6557' },
    args: '--port 5557',
  }] };`;
  expect(file(body)).toEqual([
    'binds 5556 cdp browser',
    'binds 5557 health browser',
    'binds 5556 cdp browser',
    'binds 5557 browser',
    'refers 5554 localhost/host api',
    'binds 6557 prod browser',
    'binds 5557 browser',
  ]);
});

test('constants, spreads, members and defaults are followed, in each kind of module', () => {
  const body = `const BASE = { PORT: 3001 }; const PORTS = { api: 3002 }; export const X = 3003;
    export default { apps: [
      { name: 'a', env: { ...BASE } }, { name: 'b', env: { PORT: PORTS.api } },
      { name: 'c', env: { PORT: process.env.C_PORT || 3004 } }, { name: 'd', env: { PORT: X } },
    ] };`;
  expect(file(body, 'ecosystem.config.mjs')).toEqual([
    'binds 3001 a',
    'binds 3002 b',
    'binds 3004 fallback c',
    'binds 3003 d',
  ]);
});

test('the folder of an app comes from its cwd, else from where its script lies', () => {
  const { facts } = read(
    'ecosystem.config.cjs',
    "module.exports = { apps: [{ name: 'a', cwd: './services/a' }, { name: 'b', script: 'services/b/src/index.js' }] }",
    { 'services/b/package.json': '{}' },
  );
  expect(facts.map(({ names }) => names.map(({ name }) => name).join(' '))).toEqual(['a services/a', 'b services/b']);
});

test('JSON is read as well', () => {
  expect(file('{ "apps": [{ "name": "a", "env": { "PORT": 3001 } }] }', 'ecosystem.config.json')).toEqual([
    'binds 3001 a',
  ]);
});

test('nothing is run: what only running would tell is told to be unknown', () => {
  const mark = join(tmpdir(), `portolan-ran-${process.pid}`);
  const body = `require('node:fs').writeFileSync(${JSON.stringify(mark)}, 'ran'); process.exit(7);
    module.exports = { apps: [{ name: 'a', env: { PORT: choose() }, ports: { get api() { return 1 } } }, make('b'), ...more] };`;
  expect(file(body)).toEqual([]);
  expect(notes(body)).toEqual([
    expect.stringContaining('only known when it runs'),
    expect.stringContaining('the port api'),
    expect.stringContaining('choose(…) would have to be run'),
    expect.stringContaining('make(…) would have to be run'),
  ]);
  expect(existsSync(mark)).toBe(false);
});

test('what cannot be parsed, and constants in a circle, end in a note', () => {
  expect(notes('module.exports = {')).toEqual([expect.stringContaining('cannot be parsed')]);
  expect(notes('const a = b; const b = a; module.exports = a;')).toEqual([
    expect.stringContaining('Nothing of it is run'),
  ]);
  expect(notes(`module.exports = ${'['.repeat(50_000)}`)).toEqual([expect.stringContaining('nested too deep')]);
});
