import { PortolanError } from '@portolan/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Sender } from './access/sender.ts';
import { alternative } from './commands/entries.ts';
import { Committer } from './committer.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Condition, Store, Transaction } from './store/store.ts';

let sqlite: Store;
/** What was sent to the store, by the keys that it puts. */
let sent: string[];
let committer: Committer;
/** Of the store's next answers. */
let failure: PortolanError | undefined;
let until: Promise<void> | undefined;

beforeEach(async () => {
  sqlite = await openSqliteStore({ path: ':memory:' });
  sent = [];
  failure = undefined;
  until = undefined;
  const store: Store = {
    ...sqlite,
    acknowledgement: sqlite.acknowledgement,
    async commit(group) {
      sent.push(...group.flatMap(({ alternatives }) => alternatives.flatMap(({ puts }) => puts.map(({ key }) => key))));
      await until;
      if (failure) throw failure;
      return sqlite.commit(group);
    },
  };
  committer = new Committer(store, { committed: () => {}, measured: () => {} });
});
afterEach(() => sqlite.close());

const put = (key: string, ...conditions: Condition[]): Transaction => ({
  alternatives: [alternative({ conditions, puts: [{ key, value: '1' }] })],
});
const look: Transaction = { alternatives: [alternative({})] };
const abandoned = { code: 'abandoned' };

describe('a request whose sender has gone', () => {
  test('before its first transaction is sent never reaches the store', async () => {
    const line = { destroyed: false, readableEnded: false };
    const outcome = committer.commit(put('a'), new Sender(line));
    line.readableEnded = true;
    await expect(outcome).rejects.toMatchObject(abandoned);
    expect(sent).toEqual([]);
  });

  test('is not sent along with others that came a turn of the event loop earlier', async () => {
    const line = { destroyed: false, readableEnded: false };
    const first = committer.commit(put('first'));
    await new Promise(setImmediate);
    const gone = committer.commit(put('gone'), new Sender(line));
    await new Promise(setImmediate);
    line.readableEnded = true;
    await expect(gone).rejects.toMatchObject(abandoned);
    await first;
    expect(sent).toEqual(['first']);
  });

  test('while the process stood still is not sent before its connection was looked at again', async () => {
    const line = { destroyed: false, readableEnded: false };
    const gone = committer.commit(put('gone'), new Sender(line));
    await new Promise(setImmediate);
    const begun = performance.now();
    while (performance.now() - begun < 150);
    await new Promise(setImmediate);
    line.readableEnded = true;
    await expect(gone).rejects.toMatchObject(abandoned);
    expect(sent).toEqual([]);
  });

  test('while the store was busy with others never reaches the store, and those who wait with it do', async () => {
    const line = { destroyed: false, readableEnded: false };
    const { promise, resolve } = Promise.withResolvers<void>();
    until = promise;
    const before = ['a', 'b'].map((key) => committer.commit(put(key)));
    while (sent.length < before.length) await new Promise(setImmediate);
    const busy = committer.commit(put('c'));
    while (sent.length < 3) await new Promise(setImmediate);
    const gone = committer.commit(put('gone'), new Sender(line));
    const other = committer.commit(put('other'));
    line.destroyed = true;
    resolve();
    await expect(gone).rejects.toMatchObject(abandoned);
    expect(await other).toMatchObject({ applied: true });
    await Promise.all([...before, busy]);
    expect(sent).toEqual(['a', 'b', 'c', 'other']);
  });

  test('after it only looked is not begun', async () => {
    const line = { destroyed: false, readableEnded: false };
    const sender = new Sender(line);
    await committer.commit(look, sender);
    line.destroyed = true;
    await expect(committer.commit(put('a'), sender)).rejects.toMatchObject(abandoned);
    expect(sender.begun).toBe(false);
  });

  test('after it was begun is carried through', async () => {
    const line = { destroyed: false, readableEnded: false };
    const sender = new Sender(line);
    await committer.commit(put('a'), sender);
    line.destroyed = true;
    await committer.commit(put('b'), sender);
    expect(sent).toEqual(['a', 'b']);
    expect(sender.begun).toBe(true);
  });

  test('after a conflict, which changed nothing, is not begun again', async () => {
    const line = { destroyed: false, readableEnded: false };
    const sender = new Sender(line);
    const impossible = put('a', { key: 'other', version: '1.1' });
    expect(await committer.commit(impossible, sender)).toMatchObject({ applied: false });
    line.destroyed = true;
    await expect(committer.commit(put('a'), sender)).rejects.toMatchObject(abandoned);
  });
});

test('a request is not begun after the time that its sender waits', async () => {
  const line = { destroyed: false, readableEnded: false };
  const sender = new Sender(line, 20);
  const arrived = performance.now();
  while (performance.now() - arrived <= 21) await new Promise(setImmediate);
  const late = committer.commit(put('a'), sender);
  await expect(late).rejects.toMatchObject({ ...abandoned, data: { timeout: 20 } });
  expect(sent).toEqual([]);
});

test.each([
  ['store-unavailable', false],
  ['durability-unknown', true],
] as const)('after %s, that a request may have been done is %s', async (code, begun) => {
  failure = new PortolanError(code, 'as the test wants it');
  const sender = new Sender({ destroyed: false, readableEnded: false });
  await expect(committer.commit(put('a'), sender)).rejects.toBe(failure);
  expect(sender.begun).toBe(begun);
});
