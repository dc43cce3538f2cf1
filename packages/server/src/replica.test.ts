import { type Applied, type Assignment, key, type Position, type Range } from '@portolan/model';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { alternative, put } from './commands/entries.ts';
import { Replica } from './replica.ts';
import type { Alternative, Change, Entry, EpochStart, GroupOutcome, Store, Transaction } from './store/store.ts';

/** A store whose history a test writes, to be told by the feed when the test says so. */
class ScriptedStore implements Store {
  readonly acknowledgement = 'memory';
  readonly lowered = null;
  epoch = 1;
  epochs: EpochStart[] = [];
  log: Change[][] = [];
  /** Whether readers without a memory of what they have, beside the feed, are told all at once. */
  fetchable = false;
  #news = Promise.withResolvers<void>();
  #told = 0;

  /** Adds a group with one range, as if somebody had committed it. */
  add(name: string) {
    const range: Range = { name, from: 5000, to: 5099, purpose: name, owner: null, policy: 'allocate' };
    return this.#commit(alternative({ puts: [put<'range'>(key.range(name), range)] }));
  }

  assign(port: number) {
    const endpoint = { project: 'p', service: `s${port}`, label: 'default', instance: 1 };
    const grantedAt = '2026-11-30T00:00:00.000Z';
    const value: Assignment = { protocol: 'tcp', port, endpoint, lease: null, grantedAt };
    return this.#commit(alternative({ puts: [put<'assignment'>(key.assignment('tcp', port), value)] }));
  }

  remove(port: number) {
    return this.#commit(alternative({ deletes: [key.assignment('tcp', port)] }));
  }

  #commit(only: Alternative): { group: Transaction[]; outcome: GroupOutcome } {
    const previous = this.head;
    const revision = this.log.length + 1;
    const position: Position = `${revision}-${Math.ceil(Math.random() * 1e9)}`;
    this.log.push([{ position, revision, epoch: this.epoch, puts: only.puts, deletes: only.deletes }]);
    const outcomes = [{ applied: true, alternative: 0, revision } as const];
    return {
      group: [{ alternatives: [only] }],
      outcome: { outcomes, previous, position, epoch: this.epoch, acknowledgement: 'memory' },
    };
  }

  get head(): Position {
    return this.log.at(-1)?.[0]?.position ?? '0-0';
  }

  /** Lets the feed bring everything that there is. */
  tell(): void {
    this.#told = this.log.length;
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async *changes(from: Position, signal: AbortSignal, has?: (position: Position) => boolean): AsyncGenerator<Change[]> {
    let next = this.log.findIndex(([change]) => change?.position === from) + 1;
    while (!signal.aborted) {
      const told = has === undefined && this.fetchable ? this.log.length : this.#told;
      const group = next < told ? this.log[next++] : undefined;
      if (group) yield has?.(group[0]!.position) ? [] : group;
      else
        await Promise.race([this.#news.promise, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    }
  }

  async *snapshot() {
    const entries = new Map<string, Entry>();
    for (const { puts, deletes, epoch, revision } of this.log.flat()) {
      for (const each of puts) entries.set(each.key, { ...each, version: `${epoch}.${revision}` });
      for (const gone of deletes) entries.delete(gone);
    }
    yield { entries: [...entries.values()], position: this.head, epoch: this.epoch, epochs: this.epochs };
  }

  async commit(): Promise<GroupOutcome> {
    throw new Error('commits are made by the test');
  }
  async due() {
    return { leases: [], deadlines: [], total: 0, time: 0 };
  }
  async close() {}
}

let replica: Replica;
afterEach(() => replica.stop());

async function follow(store: ScriptedStore): Promise<{ applied: Applied[]; resets: string[] }> {
  replica = new Replica(store, pino({ level: 'silent' }));
  await replica.start();
  const heard = { applied: [] as Applied[], resets: [] as string[] };
  replica.subscribe({
    applied: (group) => heard.applied.push(group),
    reset: (reason) => heard.resets.push(reason),
  });
  return heard;
}

const names = () => Array.from(replica.fleet.all('range'), ({ value }) => value.name).sort();

test('what is committed here is there at once, and is not applied again when the feed brings it', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  const first = store.add('first');
  replica.committed(first.group, first.outcome);
  expect(names()).toEqual(['first']);

  store.add('by another');
  store.tell();
  await vi.waitFor(() => expect(names()).toEqual(['by another', 'first']));
  expect(heard.applied.map(({ touches }) => touches.map((touch) => touch.key))).toEqual([
    ['range/first'],
    ['range/by another'],
  ]);
  expect(heard.resets).toEqual([]);
});

test('when another one committed in between, the feed brings both in order', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  store.add('by another');
  const own = store.add('own');
  replica.committed(own.group, own.outcome);
  expect(names()).toEqual([]);

  store.tell();
  await replica.reached(own.outcome.position);
  expect(names()).toEqual(['by another', 'own']);
  expect(heard.applied.flatMap(({ touches }) => touches.map((touch) => touch.key))).toEqual([
    'range/by another',
    'range/own',
  ]);
});

test('what was committed here after somebody else is taken in as soon as the feed has brought that one', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  store.add('by another');
  store.tell();
  const own = store.add('own');
  const last = store.add('own too');
  replica.committed(own.group, own.outcome);
  replica.committed(last.group, last.outcome);
  await replica.reached(last.outcome.position);
  expect(names()).toEqual(['by another', 'own', 'own too']);

  store.add('later');
  store.tell();
  await vi.waitFor(() => expect(names()).toContain('later'));
  expect(heard.applied).toHaveLength(4);
  expect(heard.resets).toEqual([]);
});

test('an answer that comes after the feed has brought the commit changes nothing', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  const own = store.add('own');
  store.add('later');
  store.tell();
  await vi.waitFor(() => expect(names()).toEqual(['later', 'own']));
  replica.committed(own.group, own.outcome);
  await replica.reached(own.outcome.position);
  expect(heard.applied).toHaveLength(2);
  expect(heard.resets).toEqual([]);
});

test('a store that lost what was committed here is noticed when the feed brings another commit in its place', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  const lost = store.add('lost');
  replica.committed(lost.group, lost.outcome);
  store.log = [];
  store.add('instead');
  store.tell();
  await vi.waitFor(() => expect(heard.resets).toEqual(['diverged']));
  expect(names()).toEqual(['instead']);
});

test('a store that lost what was committed here is noticed by the next commit, and nobody reads what is no more', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  for (const name of ['kept', 'lost', 'lost too']) {
    const { group, outcome } = store.add(name);
    replica.committed(group, outcome);
  }
  store.log.length = 1;
  store.add('by another');
  const next = store.add('own');
  replica.committed(next.group, next.outcome);
  await replica.reached(next.outcome.position);
  expect(heard.resets).toEqual(['diverged']);
  expect(names()).toEqual(['by another', 'kept', 'own']);
});

/** What the store answers to an empty group: where it is, and in which epoch. */
const nothing = (store: ScriptedStore): GroupOutcome => ({
  outcomes: [],
  previous: store.head,
  position: store.head,
  epoch: store.epoch,
  acknowledgement: 'memory',
});

test('a history that was rewound to a place which this copy went through is noticed by its epoch', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  for (const name of ['kept', 'lost', 'lost too']) {
    const { group, outcome } = store.add(name);
    replica.committed(group, outcome);
  }
  store.log.length = 1;
  store.epoch = 2;
  const asked = nothing(store);
  replica.committed([], asked);
  expect(replica.has(asked.position)).toBe(false);
  await replica.reached(asked.position, asked.epoch);
  expect(names()).toEqual(['kept']);
  expect(heard.resets).toEqual(['epoch']);
});

test('an empty answer of the same epoch from before what the feed brought meanwhile is no sign of that', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  const asked = nothing(store);
  store.add('meanwhile');
  store.tell();
  await vi.waitFor(() => expect(names()).toEqual(['meanwhile']));
  replica.committed([], asked);
  expect(replica.has(asked.position)).toBe(true);
  expect(heard.resets).toEqual([]);
});

test('an answer that comes when the copy went on by more than it remembers proves nothing', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  const own = store.add('own');
  for (let i = 0; i < 1_300; i++) store.add(`other ${i}`);
  store.tell();
  await vi.waitFor(() => expect(names()).toHaveLength(1_301));
  replica.committed(own.group, own.outcome);
  await replica.reached(own.outcome.position, own.outcome.epoch);
  expect(heard.resets).toEqual([]);
});

test('whoever waits for a commit that the store has lost is told so, and not that it was done', async () => {
  const store = new ScriptedStore();
  await follow(store);
  store.add('by another');
  const own = store.add('own');
  replica.committed(own.group, own.outcome);
  const waiting = replica.reached(own.outcome.position, own.outcome.epoch);
  const refused = expect(waiting).rejects.toMatchObject({ code: 'durability-unknown' });
  store.log = [];
  store.epoch = 2;
  store.epochs = [{ epoch: 2, after: '0-0' }];
  for (const name of ['instead', 'and', 'more']) store.add(name);
  store.tell();
  await refused;
});

test('assignments that a lost history takes away are told of, those that were ended are not', async () => {
  const store = new ScriptedStore();
  const lost: string[] = [];
  await follow(store);
  replica.subscribe({
    applied: () => {},
    reset: (_reason, gone) => lost.push(...gone.map(({ value }) => `${value.port}`)),
  });
  for (const port of [4001, 4002, 4003]) {
    const { group, outcome } = store.assign(port);
    replica.committed(group, outcome);
  }
  // Restored as it was after the first one, which is released by somebody since.
  store.log.length = 1;
  store.epoch = 2;
  store.epochs = [{ epoch: 2, after: store.head }];
  store.remove(4001);
  replica.committed([], nothing(store));
  await vi.waitFor(() => expect(lost).toEqual(['4002', '4003']));
});

test('who waits for what a feed that hangs does not bring has it fetched, and nothing is applied twice', async () => {
  const store = new ScriptedStore();
  const heard = await follow(store);
  store.add('by another');
  const own = store.add('own');
  store.add('later');
  store.fetchable = true;
  await replica.reached(own.outcome.position, own.outcome.epoch);
  expect(names()).toEqual(expect.arrayContaining(['by another', 'own']));
  store.add('last');
  store.tell();
  await vi.waitFor(() => expect(names()).toEqual(['by another', 'last', 'later', 'own']));
  expect(heard.applied.flatMap(({ touches }) => touches.map((touch) => touch.key))).toEqual([
    'range/by another',
    'range/own',
    'range/later',
    'range/last',
  ]);
  expect(heard.resets).toEqual([]);
});
