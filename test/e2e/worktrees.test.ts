import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/port.ts';
import { Workbench } from '../support/workbench.ts';

const LISTENS = `
require('node:net').createServer().listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log('listening on ' + process.env.PORT + ' as ' + process.env.PORTOLAN_ENDPOINTS);
});
`;

let bench: Workbench;
let client: PortolanClient;
let url: string;

beforeAll(async () => {
  bench = new Workbench();
  ({ url } = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')]));
  client = connect({ url, token: bench.token });
  writeFileSync(join(bench.directory, 'listens.cjs'), LISTENS);
});
afterAll(() => bench.clear());

const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.net', ...args], { cwd, stdio: 'ignore' });

/** A repository in a directory of its own. @returns its main worktree */
function repository(place: string, name: string): string {
  const root = join(bench.directory, place, name);
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'web' }));
  git(root, 'init', '--quiet');
  git(root, 'add', '.');
  git(root, 'commit', '--quiet', '-m', 'begin');
  return root;
}

function worktree(main: string, name: string): string {
  const root = join(main, '..', name);
  git(main, 'worktree', 'add', '--quiet', root);
  return root;
}

async function serve(directory: string, args: string[] = [], state = 'state') {
  const program = bench.portolan(['run', ...args, '--', process.execPath, join(bench.directory, 'listens.cjs')], {
    directory,
    environment: { PORTOLAN_URL: url, PORTOLAN_STATE_DIR: join(bench.directory, state) },
  });
  const [, port, endpoint] = await program.says(/listening on (\d+) as (\S+)=/);
  return { port: Number(port), endpoint, stop: () => program.end('SIGTERM') };
}

test('worktrees that run at once have a port each, and the same instance at the next start', async () => {
  const main = repository('one', 'shop');
  const trees = [main, worktree(main, 'shop-blue'), worktree(main, 'shop-red')];
  const first = await Promise.all(trees.map((tree) => serve(tree)));
  expect(new Set(first.map(({ port }) => port)).size).toBe(3);
  expect(first[0]?.endpoint).toBe('shop/web:default');
  expect(first.map(({ endpoint }) => endpoint).toSorted()).toEqual([
    'shop/web:default',
    'shop/web:default#2',
    'shop/web:default#3',
  ]);
  await Promise.all(first.map(({ stop }) => stop()));
  expect((await client.assignments({ project: 'shop' })).items).toEqual([]);

  // In another order, so that none is what it was only by coming in its turn.
  const again = new Map<string, string | undefined>();
  for (const tree of trees.toReversed()) {
    const { endpoint, stop } = await serve(tree);
    again.set(tree, endpoint);
    await stop();
  }
  expect(trees.map((tree) => again.get(tree))).toEqual(first.map(({ endpoint }) => endpoint));
});

test('a restart of one of them gives it its port again while its reservation lives', async () => {
  const main = repository('two', 'tools');
  const blue = worktree(main, 'tools-blue');
  const { items } = await client.assignments({ project: 'tools' });
  expect(items).toEqual([]);
  const reserved = await client.reserve({ project: 'tools', service: 'web', instance: 2 });
  const { port, stop } = await serve(blue);
  expect(port).toBe(reserved.port);
  await stop();
  const again = await serve(blue);
  expect(again.port).toBe(port);
  await again.stop();
  await reserved.release();
});

test('two clones that run at once, and trees of users who know nothing of each other, never share a port', async () => {
  const clones = [repository('three', 'store'), repository('four', 'store')];
  const [one, two] = [await serve(clones[0] as string), await serve(clones[1] as string)];
  expect(two.port).not.toBe(one.port);
  const others = ['five', 'six'].map((place) => worktree(repository(place, 'store'), `store-${place}`));
  const running = [];
  for (const [i, tree] of others.entries()) running.push(await serve(tree, [], `state-${i}`));
  expect(new Set([one, two, ...running].map(({ port }) => port)).size).toBe(4);
  await Promise.all([one, two, ...running].map(({ stop }) => stop()));

  // What a clone had to move to is its own from then on.
  const alone = await serve(clones[1] as string);
  expect(alone.endpoint).toBe(two.endpoint);
  await alone.stop();
});

test('a damaged number is told, not given to another tree', async () => {
  const blue = worktree(repository('seven', 'bank'), 'bank-blue');
  await (await serve(blue, [], 'damaged')).stop();
  const book = join(bench.directory, 'damaged', 'instances', 'bank');
  const [number] = readdirSync(book);
  writeFileSync(join(book, number as string), '');
  await expect(serve(blue, [], 'damaged')).rejects.toThrow(/damaged/);
  rmSync(join(book, number as string));
  await (await serve(blue, [], 'damaged')).stop();
});

test('an instance that is named is that one, whatever tree it is', async () => {
  const blue = worktree(repository('eight', 'farm'), 'farm-blue');
  const { endpoint, stop } = await serve(blue, ['--instance', '7']);
  expect(endpoint).toBe('farm/web:default#7');
  await stop();
});

describe('a PORT in a file that every tree has', () => {
  test('is that of the first tree, and the others are given ports of their own', async () => {
    const main = repository('nine', 'mill');
    const port = await freePort();
    writeFileSync(join(main, '.env'), `PORT=${port}\n`);
    git(main, 'add', '.');
    git(main, 'commit', '--quiet', '-m', 'port');
    const trees = [main, worktree(main, 'mill-blue'), worktree(main, 'mill-red')];
    const running = [];
    for (const tree of trees) running.push(await serve(tree));
    expect(running[0]).toMatchObject({ port, endpoint: 'mill/web:default' });
    expect(new Set(running.map((each) => each.port)).size).toBe(3);
    const blue = await running[1]!.stop();
    expect(blue.stderr).toMatch(new RegExp(`PORT in \\.env asks for ${port}, but .*mill/web.*another port`));
    await Promise.all([running[0], running[2]].map((each) => each!.stop()));
  });

  test('does not keep the first tree from running when another one came before it', async () => {
    const main = repository('ten', 'loom');
    const port = await freePort();
    const blue = worktree(main, 'loom-blue');
    for (const tree of [main, blue]) writeFileSync(join(tree, '.env'), `PORT=${port}\n`);
    const early = await serve(blue);
    expect(early).toMatchObject({ port, endpoint: 'loom/web:default#2' });
    const late = await serve(main);
    expect(late.port).not.toBe(port);
    expect(late.endpoint).toBe('loom/web:default');
    await Promise.all([early, late].map(({ stop }) => stop()));
  });

  test('is refused where another service has it, for that is no question of trees', async () => {
    const main = repository('eleven', 'kiln');
    const { port, release } = await client.reserve({ project: 'other', service: 'thing' });
    writeFileSync(join(main, '.env'), `PORT=${port}\n`);
    await expect(serve(main)).rejects.toThrow(new RegExp(`PORT in \\.env asks for ${port}.*other/thing`, 's'));
    await release();
  });
});
