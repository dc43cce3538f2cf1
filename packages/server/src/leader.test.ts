import { key, type Range } from '@portolan/model';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { startRedis } from '../../../test/support/redis.ts';
import { put } from './commands/entries.ts';
import { Committer } from './committer.ts';
import { type Duty, Leadership, type Term } from './leader.ts';
import { Replica } from './replica.ts';
import { openRedisStore } from './store/redis-store.ts';
import type { Store } from './store/store.ts';

const logger = pino({ level: 'silent' });
const patient = { timeout: 60_000, interval: 20 };
const cleanup: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const each of cleanup.splice(0).reverse()) await each();
});

/** A coordinator's part in leading. While `held`, what it commits is on its way, as of a process that is frozen. */
async function contender(url: string) {
  const store = await openRedisStore({ url });
  let released = Promise.resolve();
  const slow: Store = {
    ...store,
    commit: async (group) => {
      await released;
      return store.commit(group);
    },
  };
  const replica = new Replica(store, logger);
  await replica.start();
  const committer = new Committer(slow, { committed: replica.committed, measured: () => {} });
  const terms: { term: Term; signal: AbortSignal }[] = [];
  const duty: Duty = { lead: (term, signal) => terms.push({ term, signal }) };
  const leadership = new Leadership('some-id', committer, replica, [duty], logger);
  leadership.start();
  cleanup.push(async () => {
    await leadership.stop();
    await replica.stop();
    await store.close();
  });
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    released = promise;
    return resolve;
  };
  return { store, leadership, terms, hold, replica };
}

test('a leader begins anew when the epoch changes, and commits nothing in one that it has not looked at', {
  timeout: 90_000,
}, async () => {
  const redis = await startRedis({ persistence: 'aof' });
  cleanup.push(() => redis.stop());
  const { leadership, terms } = await contender(redis.url);
  await vi.waitFor(() => expect(leadership.leading).toBe(true), patient);
  await redis.shutDown();
  await redis.restart();
  const [first] = terms;
  await vi.waitFor(async () => {
    await first!.term.commit({ puts });
    expect(terms).toHaveLength(2);
  }, patient);
  expect(first!.signal.aborted).toBe(true);
  const committed = await terms[1]!.term.commit({});
  expect(committed).toMatchObject({ applied: true });
  const late = await openRedisStore({ url: redis.url });
  cleanup.push(() => late.close());
  const entries = [];
  for await (const chunk of late.snapshot()) entries.push(...chunk.entries.map((entry) => entry.key));
  expect(entries).not.toContain(key.range('late'));
});

const range: Range = { name: 'late', from: 5000, to: 5099, purpose: '', owner: null, policy: 'allocate' };
const puts = [put<'range'>(key.range('late'), range)];

test('what a leader commits that was overtaken meanwhile does not come through', { timeout: 90_000 }, async () => {
  const redis = await startRedis();
  cleanup.push(() => redis.stop());
  const old = await contender(redis.url);
  await vi.waitFor(() => expect(old.leadership.leading).toBe(true), patient);
  const next = await contender(redis.url);
  const { term, signal } = old.terms[0]!;
  expect(await term.commit({})).toMatchObject({ applied: true });

  const release = old.hold();
  const late = term.commit({ puts });
  await vi.waitFor(() => expect(next.leadership.leading).toBe(true), patient);
  // It knows no better yet.
  expect(old.leadership.leading).toBe(true);
  release();
  expect(await late).toBeUndefined();
  await vi.waitFor(() => expect(old.leadership.leading).toBe(false), patient);
  expect(signal.aborted).toBe(true);
  expect(await term.commit({ puts })).toBeUndefined();

  expect(await next.terms[0]!.term.commit({})).toMatchObject({ applied: true });
  expect(next.replica.fleet.get('range', key.range('late'))).toBeUndefined();
  expect(await next.terms[0]!.term.commit({ puts })).toMatchObject({ applied: true });
  expect(next.replica.fleet.get('range', key.range('late'))?.value).toEqual(range);
});
