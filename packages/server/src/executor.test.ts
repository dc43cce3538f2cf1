import { PortolanError } from '@portolan/model';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { alternative } from './commands/entries.ts';
import { Committer } from './committer.ts';
import { Executor } from './executor.ts';
import { Replica } from './replica.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of cleanup.splice(0).reverse()) await each();
});

async function world(change: (store: Store) => Partial<Store> = () => ({})) {
  const store = await openSqliteStore({ path: ':memory:' });
  let commits = 0;
  const counted: Store = {
    ...store,
    commit: (group) => {
      commits++;
      return store.commit(group);
    },
    ...change(store),
  };
  const replica = new Replica(counted, pino({ level: 'silent' }));
  await replica.start();
  const committer = new Committer(counted, { committed: replica.committed, measured: () => {} });
  cleanup.push(async () => {
    await replica.stop();
    await store.close();
  });
  return { executor: new Executor(counted, replica, committer), commits: () => commits };
}

test('a refusal that was decided on the copy counts only once the store has shown that the copy is right', async () => {
  const { executor } = await world();
  await executor.catchUp();
  let decided = 0;
  const refusal = executor.execute(() => {
    decided++;
    // The copy is behind: what is in the way is gone at the store.
    if (decided === 1) throw new PortolanError('port-taken', 'in the way');
    return { alternatives: [alternative({})], answer: () => 'granted' };
  });
  expect(await refusal).toBe('granted');
  await expect(
    executor.execute(() => {
      throw new PortolanError('port-taken', 'still in the way');
    }),
  ).rejects.toMatchObject({ code: 'port-taken' });
});

test('what is answered without a commit is shown by the store, too, and once is enough', async () => {
  const { executor, commits } = await world();
  await executor.catchUp();
  const before = commits();
  let decided = 0;
  expect(await executor.execute(() => ({ result: ++decided }))).toBe(2);
  expect(commits()).toBe(before + 1);
});

test('a mistake of ours is no refusal', async () => {
  const { executor } = await world();
  let decided = 0;
  const broken = executor.execute(() => {
    decided++;
    throw new TypeError('a mistake');
  });
  await expect(broken).rejects.toThrow('a mistake');
  expect(decided).toBe(1);
});
