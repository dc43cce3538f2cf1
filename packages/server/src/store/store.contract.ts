import { ORIGIN, type Position, revisionOf } from '@portolan/model';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { SEPARATOR } from './log-record.ts';
import {
  type Alternative,
  type Change,
  type Condition,
  GROUP_BYTES_MAX,
  GROUP_OPERATIONS_MAX,
  GROUP_TRANSACTIONS_MAX,
  type Store,
  type Transaction,
} from './store.ts';

/** Where a suite's stores live: a Redis, a folder. */
export interface StoreHome {
  /** A store with nothing in it. */
  open(options?: { logLength?: number }): Promise<OpenStore>;
  dispose(): Promise<void>;
}

export interface OpenStore {
  readonly store: Store;
  /** Another client of the same store, where it can have several. */
  readonly rival?: Store;
  /** Ends the store and opens it again; only of a durable one. */
  reopen?(): Promise<Store>;
  close(): Promise<void>;
}

const TIMEOUT = 60_000;

/** What every store must do, so that all above it need not know which it has. */
export function storeContract(name: string, prepare: () => Promise<StoreHome>): void {
  describe(`${name} keeps the contract of stores`, { timeout: TIMEOUT }, () => {
    let home: StoreHome;
    const opened: OpenStore[] = [];

    beforeAll(async () => {
      home = await prepare();
    }, TIMEOUT);
    afterEach(async () => {
      for (const each of opened.splice(0)) await each.close();
    });
    afterAll(() => home?.dispose());

    async function open(options?: { logLength?: number }): Promise<OpenStore> {
      const each = await home.open(options);
      opened.push(each);
      return each;
    }

    describe('commit', () => {
      test('puts and deletes entries, and versions rise', async () => {
        const { store } = await open();
        const first = await store.commit([put('a', '1')]);
        const second = await store.commit([put('a', '2'), put('b', '')]);
        expect(first.outcomes).toEqual([{ applied: true, alternative: 0, revision: 1 }]);
        expect(second.outcomes.map(revisionIn)).toEqual([2, 3]);
        expect(first.previous).toBe(ORIGIN);
        expect(second.previous).toBe(first.position);
        expect(revisionOf(second.position)).toBe(3);
        expect(await contents(store)).toEqual({
          a: { value: '2', version: `${first.epoch}.2` },
          b: { value: '', version: `${first.epoch}.3` },
        });
        await store.commit([{ alternatives: [alternative({ deletes: ['a', 'never-there'] })] }]);
        expect(Object.keys(await contents(store))).toEqual(['b']);
      });

      test('applies only where an entry is absent or has the version asked for', async () => {
        const { store } = await open();
        const { epoch } = await store.commit([put('a', '1'), put('b', '1')]);
        const outcomes = await appliedOf(store, [
          put('a', 'x', { key: 'a', version: null }),
          put('a', 'x', { key: 'a', version: `${epoch}.2` }),
          put('a', 'x', { key: 'a', version: `${epoch - 1}.1` }),
          put('c', 'x', { key: 'c', version: `${epoch}.1` }),
          put('c', '3', { key: 'c', version: null }, { key: 'b', version: `${epoch}.2` }),
          put('a', '3', { key: 'a', version: `${epoch}.1` }),
        ]);
        expect(outcomes).toEqual([false, false, false, false, true, true]);
        expect(await values(store)).toEqual({ a: '3', b: '1', c: '3' });
      });

      test('a version is not taken for a longer one that begins with it', async () => {
        const { store } = await open();
        const { epoch } = await store.commit(Array.from({ length: 12 }, (_, i) => put(`k${i + 1}`, 'x')));
        expect(await appliedOf(store, [put('k12', 'y', { key: 'k12', version: `${epoch}.1` })])).toEqual([false]);
      });

      test('applies the first alternative whose conditions hold', async () => {
        const { store } = await open();
        await store.commit([put('one', 'taken')]);
        const seek: Transaction = {
          alternatives: ['one', 'two', 'three'].map((key) =>
            alternative({ conditions: [{ key, version: null }], puts: [{ key, value: 'mine' }] }),
          ),
        };
        const { outcomes } = await store.commit([seek, seek, seek]);
        expect(outcomes).toEqual([
          { applied: true, alternative: 1, revision: 2 },
          { applied: true, alternative: 2, revision: 3 },
          { applied: false },
        ]);
        expect(await values(store)).toEqual({ one: 'taken', two: 'mine', three: 'mine' });
      });

      test('a later transaction of a group sees what earlier ones did', async () => {
        const { store } = await open();
        const { epoch } = await store.commit([put('old', '1')]);
        const outcomes = await appliedOf(store, [
          put('new', '1', { key: 'new', version: null }),
          put('new', '2', { key: 'new', version: null }),
          put('new', '3', { key: 'new', version: `${epoch}.2` }),
          { alternatives: [alternative({ deletes: ['old', 'new'] })] },
          put('old', '4', { key: 'old', version: `${epoch}.1` }),
          put('old', '5', { key: 'old', version: null }, { key: 'new', version: null }),
        ]);
        expect(outcomes).toEqual([true, false, true, true, false, true]);
        expect(await values(store)).toEqual({ old: '5' });
      });

      test('a conflict leaves nothing behind', async () => {
        const { store } = await open();
        const before = await store.commit([put('a', '1')]);
        const after = await store.commit([
          {
            alternatives: [
              alternative({
                conditions: [
                  { key: 'b', version: null },
                  { key: 'a', version: null },
                ],
                puts: [{ key: 'b', value: 'x' }],
                deletes: ['a'],
                leases: [{ id: 'l', ttl: 0 }],
              }),
            ],
          },
        ]);
        expect(after).toEqual({ ...before, previous: before.position, outcomes: [{ applied: false }] });
        expect(await values(store)).toEqual({ a: '1' });
        expect(await store.due(10)).toMatchObject({ leases: [], total: 0 });
      });

      test('a transaction that neither puts nor deletes counts but leaves no trace in the log', async () => {
        const { store } = await open();
        const before = await store.commit([put('a', '1')]);
        const after = await store.commit([
          { alternatives: [alternative({ conditions: [{ key: 'a', version: null }] })] },
          { alternatives: [alternative({ leases: [{ id: 'l', ttl: 60_000 }] })] },
          { alternatives: [alternative({ conditions: [{ lease: 'l' }] })] },
        ]);
        expect(after).toMatchObject({
          epoch: before.epoch,
          previous: before.position,
          position: before.position,
          outcomes: [
            { applied: false },
            { applied: true, alternative: 0, revision: 1 },
            { applied: true, alternative: 0, revision: 1 },
          ],
        });
        const next = await store.commit([put('b', '1')]);
        expect((await changesUpTo(store, before.position, next.position)).map(({ revision }) => revision)).toEqual([2]);
      });

      test('an empty group tells the head', async () => {
        const { store } = await open();
        expect((await store.commit([])).position).toBe(ORIGIN);
        const { position, epoch } = await store.commit([put('a', '1')]);
        expect(await store.commit([])).toMatchObject({ outcomes: [], previous: position, position, epoch });
      });

      test('refuses a group over the limits and applies none of it', async () => {
        const { store } = await open();
        const tooMany = Array.from({ length: GROUP_TRANSACTIONS_MAX + 1 }, (_, i) => put(`k${i}`, 'x'));
        const tooLong = { alternatives: [alternative({ deletes: numbered(GROUP_OPERATIONS_MAX + 1) })] };
        const tooBig = put('k', 'é'.repeat(GROUP_BYTES_MAX / 2));
        for (const group of [tooMany, [put('a', '1'), tooLong], [put('a', '1'), tooBig]]) {
          await expect(store.commit(group)).rejects.toMatchObject({ name: 'PortolanError', code: 'too-large' });
        }
        expect((await store.commit([])).position).toBe(ORIGIN);
        expect(await values(store)).toEqual({});
      });

      test('takes a group that is just within the limits', async () => {
        const { store } = await open();
        const most = GROUP_OPERATIONS_MAX / 4;
        const keys = numbered(most);
        const one: Transaction = {
          alternatives: [
            alternative({
              conditions: [...keys.map((key) => ({ key, version: null })), { lease: 'none' }],
            }),
            alternative({
              conditions: keys.map((key) => ({ key, version: null })),
              puts: keys.map((key) => ({ key, value: `value of ${key}` })),
              leases: keys.slice(1).map((id) => ({ id, ttl: 60_000 })),
            }),
          ],
        };
        const { position } = await store.commit([one]);
        expect(Object.keys(await values(store))).toHaveLength(most);
        expect((await store.due(1)).total).toBe(most - 1);
        const [change] = await changesUpTo(store, ORIGIN, position);
        expect(change?.puts).toHaveLength(most);

        const held = keys.map((id) => ({ lease: id })).slice(1);
        const undo = alternative({
          conditions: held,
          deletes: keys,
          leases: held.map(({ lease: id }) => ({ id, ttl: null })),
        });
        expect(await appliedOf(store, [{ alternatives: [undo] }])).toEqual([true]);
        expect(await values(store)).toEqual({});
        expect((await store.due(1)).total).toBe(0);

        const small = Array.from({ length: GROUP_TRANSACTIONS_MAX }, (_, i) => put(`k${i}`, 'x'));
        expect((await appliedOf(store, small)).every(Boolean)).toBe(true);
        const big = put('big', 'x'.repeat(GROUP_BYTES_MAX - 3));
        expect(await appliedOf(store, [big])).toEqual([true]);
      });

      test('refuses mistakes of the caller', async () => {
        const { store } = await open();
        const mistakes: Partial<Alternative>[] = [
          {
            puts: [
              { key: 'a', value: '1' },
              { key: 'a', value: '2' },
            ],
          },
          { puts: [{ key: 'a', value: '1' }], deletes: ['a'] },
          { deletes: ['a', 'a'] },
          {
            leases: [
              { id: 'l', ttl: 1 },
              { id: 'l', ttl: null },
            ],
          },
          { puts: [{ key: `a${SEPARATOR}`, value: '1' }] },
          { puts: [{ key: 'a', value: SEPARATOR }] },
        ];
        for (const mistake of mistakes) {
          await expect(store.commit([put('b', '1'), { alternatives: [alternative(mistake)] }])).rejects.toThrow(
            TypeError,
          );
        }
        expect(await values(store)).toEqual({});
      });

      test('two clients never both take one key', async () => {
        const { store, rival = store } = await open();
        const keys = numbered(40);
        const groups = [store, rival].flatMap((client, who) =>
          [0, 1, 2, 3].map((start) =>
            client.commit(
              keys.map((_, i) => claim(keys[(i * 7 + start * 11) % keys.length] as string, `${who}-${start}`)),
            ),
          ),
        );
        const wins = (await Promise.all(groups)).flatMap(({ outcomes }) => outcomes).filter(({ applied }) => applied);
        expect(wins).toHaveLength(keys.length);
      });

      test('does as a plain map would, whatever the groups', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.array(planned, { maxLength: 6 }), { minLength: 1, maxLength: 8 }),
            async (plans) => {
              const { store, close } = await home.open();
              try {
                const { epoch } = await store.commit([]);
                const model = new Model(epoch);
                for (const plan of plans) {
                  const { group, outcomes } = model.run(plan);
                  const result = await store.commit(group);
                  expect(result.outcomes).toEqual(outcomes);
                  expect(revisionOf(result.position)).toBe(model.revision);
                }
                const { position } = await store.commit([]);
                expect(await contents(store)).toEqual(Object.fromEntries(model.entries));
                expect((await store.due(0)).total).toBe(model.leases.size);
                const changes = await changesUpTo(store, ORIGIN, position);
                expect(changes.map(({ position: _, ...change }) => change)).toEqual(model.changes);
              } finally {
                await close();
              }
            },
          ),
          { numRuns: 60 },
        );
      });
    });

    test('what was decided in another epoch does not hold', async () => {
      const { store } = await open();
      const { epoch } = await store.commit([]);
      const within = (wanted: number, key: string) =>
        when({ epoch: wanted }, { puts: [{ key, value: '1' }], leases: [{ id: key, ttl: 1000 }] });
      expect(
        await appliedOf(store, [within(epoch - 1, 'before'), within(epoch, 'now'), within(epoch + 1, 'after')]),
      ).toEqual([false, true, false]);
      expect(await values(store)).toEqual({ now: '1' });
    });

    describe('leases', () => {
      test('are due when their time is over, the most overdue first', async () => {
        const { store } = await open();
        await store.commit([lease('late', 60), lease('now', 0), lease('far', 600_000)]);
        expect((await store.due(10)).leases[0]).toBe('now');
        await vi.waitFor(
          async () => expect(await store.due(10)).toMatchObject({ leases: ['now', 'late'], total: 3 }),
          20_000,
        );
        expect(await store.due(1)).toMatchObject({ leases: ['now'], total: 3 });
      });

      test('can be renewed and ended', async () => {
        const { store } = await open();
        await store.commit([lease('a', 0), lease('b', 0)]);
        await store.commit([lease('a', 600_000), lease('b', null), lease('never-there', null)]);
        expect(await store.due(10)).toMatchObject({ leases: [], total: 1 });
      });

      test('a renewal and a reaper never both have their way', async () => {
        const { store } = await open();
        await store.commit([lease('live', 600_000), lease('over', 0), lease('reaped', 0)]);
        const reap = (id: string) => when({ lease: id, due: true }, { deletes: [id], leases: [{ id, ttl: null }] });
        const renew = (id: string) => when({ lease: id, due: false }, { leases: [{ id, ttl: 600_000 }] });
        expect(await appliedOf(store, [reap('live'), renew('live')])).toEqual([false, true]);
        const revive = when({ lease: 'over' }, { leases: [{ id: 'over', ttl: 600_000 }] });
        expect(await appliedOf(store, [renew('over'), revive, reap('over'), renew('over')])).toEqual([
          false,
          true,
          false,
          true,
        ]);
        expect(await appliedOf(store, [reap('reaped'), when({ lease: 'reaped' }, {}), reap('reaped')])).toEqual([
          true,
          false,
          false,
        ]);
        expect(
          await appliedOf(store, [when({ lease: 'unknown' }, {}), when({ lease: 'unknown', due: false }, {})]),
        ).toEqual([false, false]);
        expect((await store.due(10)).total).toBe(2);
      });
    });

    describe('snapshot', () => {
      test('comes in at least one chunk', async () => {
        const { store } = await open();
        const { epoch } = await store.commit([]);
        const chunks = await all(store.snapshot());
        expect(chunks).toMatchObject([{ entries: [], position: ORIGIN, epoch }]);
      });

      test('is the state at one position while commits go on', async () => {
        const { store, rival = store } = await open({ logLength: 1_000_000 });
        const keys = numbered(3000);
        await store.commit(inGroups(keys, 50).map((part) => putAll(part, 'first')));
        let over = false;
        const writers = [store, rival].map(async (client, who) => {
          for (let round = 0; !over; round++) {
            const at = (round * 97 + who * 13) % 2900;
            await client.commit([
              putAll(keys.slice(at, at + 20), `${who}/${round}`),
              { alternatives: [alternative({ deletes: keys.slice(at + 20, at + 25) })] },
              put(`extra/${who}/${round % 50}`, String(round)),
            ]);
          }
        });
        try {
          for (let i = 0; i < 5; i++) {
            const chunks = await all(store.snapshot());
            const { position } = chunks[0] as { position: Position };
            expect(new Set(chunks.map((chunk) => chunk.position))).toEqual(new Set([position]));
            const entries = chunks.flatMap((chunk) => chunk.entries);
            const replayed = replay(await changesUpTo(store, ORIGIN, position));
            expect(new Map(entries.map(({ key, ...rest }) => [key, rest]))).toEqual(replayed);
            expect(entries).toHaveLength(replayed.size);
          }
        } finally {
          over = true;
          await Promise.all(writers);
        }
      });
    });

    describe('changes', () => {
      test('are every commit in order, each once, a group whole, from any position', async () => {
        const { store, rival = store } = await open();
        const positions = [ORIGIN];
        for (const client of [store, rival, rival, store]) {
          const group = Array.from({ length: 5 }, (_, i) => put(`k${i}`, String(positions.length)));
          positions.push((await client.commit(group)).position);
        }
        const head = positions.at(-1) as Position;
        for (const [i, from] of positions.entries()) {
          const batches = from === head ? [] : await batchesUpTo(store, from, head);
          const revisions = batches.flat().map(({ revision }) => revision);
          expect(revisions).toEqual(Array.from({ length: 20 - i * 5 }, (_, at) => i * 5 + at + 1));
          for (const batch of batches) expect(batch.length % 5).toBe(0);
          expect(new Set(batches.flat().map(({ position }) => position))).toEqual(new Set(positions.slice(i + 1)));
        }
      });

      test('wait at the end and wake for the next commit', async () => {
        const { store, rival = store } = await open();
        const { position } = await store.commit([put('a', '1')]);
        const stop = new AbortController();
        const reader = store.changes(position, stop.signal)[Symbol.asyncIterator]();
        for (let i = 2; i < 12; i++) {
          const next = reader.next();
          const { epoch, position: at } = await rival.commit([put('a', String(i))]);
          expect(await next).toEqual({
            done: false,
            value: [{ position: at, revision: i, epoch, puts: [{ key: 'a', value: String(i) }], deletes: [] }],
          });
        }
        stop.abort();
        expect(await reader.next()).toMatchObject({ done: true });
      });

      test('end without an error when they are no longer wanted', async () => {
        const { store } = await open();
        await expect(all(store.changes(ORIGIN, AbortSignal.abort()))).resolves.toEqual([]);
        const stop = new AbortController();
        const reading = all(store.changes(ORIGIN, stop.signal));
        const { position } = await store.commit([put('a', '1')]);
        await changesUpTo(store, ORIGIN, position);
        stop.abort();
        expect((await reading).length).toBeLessThan(2);
      });

      test('end when the store is closed', async () => {
        const { store } = await open();
        const reading = all(store.changes(ORIGIN, new AbortController().signal));
        await store.close();
        expect(await reading).toEqual([]);
      });

      test('are refused from a position that was trimmed', async () => {
        const { store } = await open({ logLength: 10 });
        const { position } = await store.commit([put('a', '0')]);
        for (let i = 0; i < 400; i++) await store.commit([put('a', String(i))]);
        for (const from of [ORIGIN, position]) {
          await expect(changesUpTo(store, from, 'never')).rejects.toMatchObject({
            name: 'HistoryLostError',
            reason: 'trimmed',
          });
        }
      });

      test('never skip what was trimmed before it was read', async () => {
        const { store, rival = store } = await open({ logLength: 10 });
        const stop = new AbortController();
        const reader = store.changes(ORIGIN, stop.signal)[Symbol.asyncIterator]();
        await store.commit([put('a', '0')]);
        let last = 0;
        const take = async () => {
          const { value } = (await reader.next()) as { value: Change[] };
          for (const { revision } of value) {
            expect(revision).toBe(last + 1);
            last = revision;
          }
        };
        await take();
        for (let i = 0; i < 600; i++) await rival.commit([put('a', String(i))]);
        const rest = async () => {
          while (last < 601) await take();
        };
        await expect(rest()).rejects.toMatchObject({ name: 'HistoryLostError', reason: 'trimmed' });
        stop.abort();
      });

      test('are refused from a place in another history', async () => {
        const { store } = await open();
        const { position } = await store.commit([put('a', '1')]);
        await store.commit([put('a', '2')]);
        const head = await store.commit([put('a', '3')]);
        const strange = [
          `${revisionOf(position)}-77`,
          `${revisionOf(head.position)}-77`,
          `${revisionOf(head.position) + 5}-77`,
        ];
        for (const from of strange) {
          await expect(changesUpTo(store, from, 'never')).rejects.toMatchObject({
            name: 'HistoryLostError',
            reason: 'diverged',
          });
        }
      });
    });

    test('nothing that was answered is lost when the store ends and is opened again', async (context) => {
      const each = await open();
      if (!each.reopen) return context.skip();
      const before = await each.store.commit([put('a', '1'), put('b', '2'), lease('l', 600_000)]);
      const entries = await contents(each.store);
      const again = await each.reopen();
      expect(await contents(again)).toEqual(entries);
      expect((await again.due(0)).total).toBe(1);
      const after = await again.commit([put('a', '3', { key: 'a', version: `${before.epoch}.1` })]);
      expect(after.outcomes).toEqual([{ applied: true, alternative: 0, revision: 3 }]);
      // Another life of the store may have lost commits: its versions must never be taken for earlier ones.
      expect(after.epoch).toBeGreaterThan(before.epoch);
      expect((await changesUpTo(again, before.position, after.position)).map(({ epoch }) => epoch)).toEqual([
        after.epoch,
      ]);
    });
  });
}

function alternative(parts: Partial<Alternative>): Alternative {
  return { conditions: [], puts: [], deletes: [], leases: [], ...parts };
}

export function put(key: string, value: string, ...conditions: Condition[]): Transaction {
  return { alternatives: [alternative({ conditions, puts: [{ key, value }] })] };
}

function claim(key: string, value: string): Transaction {
  return put(key, value, { key, version: null });
}

function putAll(keys: readonly string[], value: string): Transaction {
  return { alternatives: [alternative({ puts: keys.map((key) => ({ key, value })) })] };
}

export function lease(id: string, ttl: number | null): Transaction {
  return { alternatives: [alternative({ leases: [{ id, ttl }] })] };
}

function when(condition: Condition, parts: Partial<Alternative>): Transaction {
  return { alternatives: [alternative({ conditions: [condition], ...parts })] };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key/${i}`);
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

async function appliedOf(store: Store, group: readonly Transaction[]): Promise<boolean[]> {
  return (await store.commit(group)).outcomes.map(({ applied }) => applied);
}

function revisionIn(outcome: { applied: boolean; revision?: number }): number | undefined {
  return outcome.revision;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export async function contents(store: Store): Promise<Record<string, { value: string; version: string }>> {
  const chunks = await all(store.snapshot());
  return Object.fromEntries(
    chunks.flatMap(({ entries }) => entries.map(({ key, value, version }) => [key, { value, version }])),
  );
}

export async function values(store: Store): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await contents(store)).map(([key, { value }]) => [key, value]));
}

async function batchesUpTo(store: Store, from: Position, to: Position | 'never'): Promise<Change[][]> {
  const batches: Change[][] = [];
  if (from === to) return batches;
  const stop = new AbortController();
  try {
    for await (const batch of store.changes(from, stop.signal)) {
      batches.push(batch);
      if (batch.some(({ position }) => position === to)) break;
    }
  } finally {
    stop.abort();
  }
  return batches;
}

/** The changes after `from`, up to and with those of the group at `to`. */
export async function changesUpTo(store: Store, from: Position, to: Position | 'never'): Promise<Change[]> {
  const changes = (await batchesUpTo(store, from, to)).flat();
  return changes.slice(0, changes.findLastIndex(({ position }) => position === to) + 1);
}

function replay(changes: readonly Change[]): Map<string, { value: string; version: string }> {
  const entries = new Map<string, { value: string; version: string }>();
  for (const { puts, deletes, epoch, revision } of changes) {
    for (const { key, value } of puts) entries.set(key, { value, version: `${epoch}.${revision}` });
    for (const key of deletes) entries.delete(key);
  }
  return entries;
}

const KEYS = ['a', 'b', 'assignment/tcp/3050', 'ключ', '', '__proto__'];
const key = fc.constantFrom(...KEYS);
const leaseId = fc.constantFrom('l', 'm');
const value = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes(SEPARATOR));

const plannedAlternative = fc.record({
  conditions: fc.array(
    fc.oneof(
      fc.record({ key, is: fc.constantFrom('absent', 'current', 'stale') }),
      fc.record({ lease: leaseId, due: fc.constantFrom(undefined, true, false) }),
    ),
    { maxLength: 2 },
  ),
  puts: fc.uniqueArray(fc.record({ key, value }), { selector: (each) => each.key, maxLength: 3 }),
  deletes: fc.uniqueArray(key, { maxLength: 2 }),
  // Far from now, so that the model needs no clock.
  leases: fc.uniqueArray(fc.record({ id: leaseId, ttl: fc.constantFrom(null, 0, 3_600_000) }), {
    selector: (each) => each.id,
    maxLength: 2,
  }),
});
const planned = fc.array(plannedAlternative, { minLength: 1, maxLength: 3 });
type Plan = typeof planned extends fc.Arbitrary<infer T> ? T : never;

/** A store in its simplest form. */
class Model {
  readonly entries = new Map<string, { value: string; version: string }>();
  readonly leases = new Map<string, { due: boolean }>();
  readonly changes: Omit<Change, 'position'>[] = [];
  revision = 0;
  readonly #epoch: number;

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  /** Turns the plan into a group, since only now the versions are known, and applies it. */
  run(plan: readonly Plan[]): { group: Transaction[]; outcomes: unknown[] } {
    const group: Transaction[] = [];
    const outcomes = plan.map((alternatives) => {
      const transaction = { alternatives: alternatives.map((each) => this.#resolve(each)) };
      group.push(transaction);
      const chosen = transaction.alternatives.findIndex(({ conditions }) =>
        conditions.every((each) => this.#holds(each)),
      );
      const effects = transaction.alternatives[chosen];
      if (!effects) return { applied: false };
      this.#apply(effects);
      return { applied: true, alternative: chosen, revision: this.revision };
    });
    return { group, outcomes };
  }

  #resolve({ conditions, puts, deletes, leases }: Plan[number]): Alternative {
    return {
      conditions: conditions.map((condition): Condition => {
        if ('lease' in condition) {
          return condition.due === undefined
            ? { lease: condition.lease }
            : { lease: condition.lease, due: condition.due };
        }
        if (condition.is === 'absent') return { key: condition.key, version: null };
        const current = this.entries.get(condition.key)?.version ?? '1.1';
        return { key: condition.key, version: condition.is === 'current' ? current : `${current}0` };
      }),
      puts,
      deletes: deletes.filter((each) => !puts.some((other) => other.key === each)),
      leases,
    };
  }

  #holds(condition: Condition): boolean {
    if ('key' in condition) return (this.entries.get(condition.key)?.version ?? null) === condition.version;
    if ('epoch' in condition) return false;
    const found = this.leases.get(condition.lease);
    return found !== undefined && (condition.due === undefined || condition.due === found.due);
  }

  #apply({ puts, deletes, leases }: Alternative): void {
    if (puts.length + deletes.length > 0) {
      this.revision++;
      this.changes.push({ revision: this.revision, epoch: this.#epoch, puts, deletes });
    }
    for (const each of puts)
      this.entries.set(each.key, { value: each.value, version: `${this.#epoch}.${this.revision}` });
    for (const each of deletes) this.entries.delete(each);
    for (const { id, ttl } of leases) {
      if (ttl === null) this.leases.delete(id);
      else this.leases.set(id, { due: ttl === 0 });
    }
  }
}
