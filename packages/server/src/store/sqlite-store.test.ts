import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { copyFile, mkdtemp, open as openFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PortolanError } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openSqliteStore } from './sqlite-store.ts';
import { lease, put, storeContract, values } from './store.contract.ts';

let folder: string;
let files = 0;
const newPath = () => join(folder, `${files++}.db`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portolan-sqlite-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

storeContract('the SQLite store', async () => ({
  async open(options) {
    const path = newPath();
    let store = await openSqliteStore({ path, ...options });
    const first = store;
    return {
      store: first,
      async reopen() {
        await store.close();
        store = await openSqliteStore({ path, ...options });
        return store;
      },
      close: () => store.close(),
    };
  },
  async dispose() {},
}));

test('says how surely a commit lasts', async () => {
  for (const [path, level] of [
    [newPath(), 'disk'],
    [':memory:', 'memory'],
  ] as const) {
    const store = await openSqliteStore({ path });
    expect(store.acknowledgement).toBe(level);
    await store.close();
  }
});

test('a second coordinator is told that the file is in use', async () => {
  const path = newPath();
  const store = await openSqliteStore({ path });
  await expect(openSqliteStore({ path })).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('one coordinator at a time'),
  });
  await store.commit([put('a', '1')]);
  await store.close();
});

test('a coordinator that was killed leaves neither a lock nor a gap', async () => {
  const path = newPath();
  const program = `
    import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite-store.ts', import.meta.url).href)};
    const store = await openSqliteStore({ path: ${JSON.stringify(path)} });
    for (let i = 1; ; i++) {
      await store.commit([{ alternatives: [{ conditions: [], puts: [{ key: 'count', value: String(i) }], deletes: [], leases: [] }] }]);
      process.stdout.write(i + '\\n');
    }`;
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout) {
    printed += text;
    if (printed.split('\n').length > 20) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const answered = Number(printed.trimEnd().split('\n').at(-1));
  const store = await openSqliteStore({ path });
  expect(Number((await values(store)).count)).toBeGreaterThanOrEqual(answered);
  await store.close();
});

test('a file that was put back from a backup begins a new epoch, and readers of what was lost are told', async () => {
  const path = newPath();
  let store = await openSqliteStore({ path });
  await store.commit([put('a', '1')]);
  await store.close();
  await copyFile(path, `${path}.backup`);
  store = await openSqliteStore({ path });
  const lost = await store.commit([put('a', '2')]);
  await store.close();
  await copyFile(`${path}.backup`, path);
  store = await openSqliteStore({ path });
  const forked = await store.commit([put('a', '3')]);
  expect(forked.epoch).toBeGreaterThan(lost.epoch);
  await expect(
    store.changes(lost.position, new AbortController().signal)[Symbol.asyncIterator]().next(),
  ).rejects.toMatchObject({
    reason: 'diverged',
  });
  await store.close();
});

test('a damaged file is never taken for an empty fleet', async () => {
  const path = newPath();
  const store = await openSqliteStore({ path });
  for (let i = 0; i < 50; i++) await store.commit([put(`key/${i}`, 'x'.repeat(2000))]);
  await store.close();

  const header = `${path}.header`;
  await copyFile(path, header);
  const file = await openFile(header, 'r+');
  await file.write(Buffer.alloc(100, 0xff), 0, 100, 0);
  await file.close();
  const empty = `${path}.empty`;
  await writeFile(empty, '');
  const text = `${path}.text`;
  await writeFile(text, 'these are not the pages that you look for\n'.repeat(200));
  for (const damaged of [header, empty, text]) {
    await expect(openSqliteStore({ path: damaged })).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringContaining('damaged'),
    });
  }
});

test('the file of another program or of a later Portolan is left alone', async () => {
  const foreign = newPath();
  const other = new DatabaseSync(foreign);
  other.exec('CREATE TABLE theirs (x)');
  other.close();
  await expect(openSqliteStore({ path: foreign })).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('another program'),
  });

  const later = newPath();
  await (await openSqliteStore({ path: later })).close();
  const database = new DatabaseSync(later);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await expect(openSqliteStore({ path: later })).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('form 99'),
  });
});

test('that a file was made is told in the log, and not that it was opened', async () => {
  const path = newPath();
  const told: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void told.push(line) });
  for (let i = 0; i < 2; i++) await (await openSqliteStore({ path, logger })).close();
  expect(told).toEqual([expect.stringContaining('a new one was made, with an empty registry')]);
});

test('a file that was removed or replaced takes no more commits', async () => {
  const removed = { replace: () => {}, remedy: /was removed .*restore it from a backup, .* an empty registry/ };
  const replaced = {
    replace: (path: string) => copyFileSync(`${path}.copy`, path),
    remedy: /: restart the coordinator$/,
  };
  for (const { replace, remedy } of [removed, replaced]) {
    const path = newPath();
    await (await openSqliteStore({ path })).close();
    copyFileSync(path, `${path}.copy`);
    const store = await openSqliteStore({ path });
    await store.commit([put('a', '1')]);
    rmSync(path);
    replace(path);
    for (const group of [[put('b', '1')], []]) {
      await expect(store.commit(group)).rejects.toMatchObject({
        code: 'store-unavailable',
        message: expect.stringMatching(remedy),
      });
    }
    await store.close();
  }
});

test('on a full disk nothing is committed, nor does anything seem to be ready', async ({ skip }) => {
  const small = join(folder, 'small');
  mkdirSync(small);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', small]);
  skip(status !== 0, 'a small file system takes the right to mount one');
  try {
    const store = await openSqliteStore({ path: join(small, 'fleet.db') });
    const large = (key: string) => put(key, 'x'.repeat(8_000));
    for (let i = 0; ; i++) {
      const refused = await store.commit([large(`k${i}`)]).catch((error: unknown) => error);
      if (refused instanceof PortolanError) break;
    }
    await expect(store.commit([])).rejects.toMatchObject({ code: 'store-unavailable' });
    execFileSync('mount', ['-o', 'remount,size=8m', small]);
    await store.commit([]);
    await store.commit([large('more')]);
    await store.close();
  } finally {
    execFileSync('umount', [small]);
  }
});

test('time goes on by itself, whatever the wall clock does, and counts no gap', async () => {
  const path = newPath();
  const wall = vi.spyOn(Date, 'now');
  const own = vi.spyOn(performance, 'now');
  let now = 1_000_000;
  let day = 1_800_000_000_000;
  own.mockImplementation(() => now);
  wall.mockImplementation(() => day);
  try {
    const store = await openSqliteStore({ path });
    await store.commit([lease('l', 10_000)]);
    // A clock that is set, and a laptop that sleeps.
    day += 3_600_000;
    expect((await store.due(1)).leases).toEqual([]);
    now += 3_600_000;
    expect((await store.due(1)).leases).toEqual([]);
    day -= 7_200_000;
    await store.close();
    const again = await openSqliteStore({ path });
    for (let i = 0; i < 10; i++) {
      expect((await again.due(1)).leases).toEqual(i < 8 ? [] : expect.any(Array));
      now += 1_000;
      await again.commit([]);
    }
    expect((await again.due(1)).leases).toEqual(['l']);
    await again.close();
  } finally {
    vi.restoreAllMocks();
  }
});

test('a closed store and a folder that is not there are clear errors', async () => {
  const store = await openSqliteStore({ path: ':memory:' });
  await store.close();
  await store.close();
  await expect(store.commit([put('a', '1')])).rejects.toMatchObject({ code: 'store-unavailable' });
  await expect(openSqliteStore({ path: join(folder, 'nowhere', 'x.db') })).rejects.toMatchObject({
    code: 'store-unavailable',
  });
});
