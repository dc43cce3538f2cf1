import { type Assignment, type Coordinator, type EntryKind, Fleet, key } from '@portolan/model';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { TestClock } from '../../../test/support/test-clock.ts';
import { put } from './commands/entries.ts';
import type { Term } from './leader.ts';
import { FORGOTTEN_AFTER, PRESENCE_TTL } from './presence.ts';
import { ReaperDuty } from './reaper.ts';
import type { Replica } from './replica.ts';
import type { Alternative, Condition, Store } from './store/store.ts';

/** A store of leases alone, with the clock of a server that a test can set; and a leader's term on it. */
function world(leases: number, ttl: number) {
  const fleet = new Fleet();
  const deadlines = new Map<string, number>();
  let offset = 0;
  let silent = false;
  let slow = 0;
  const time = new TestClock();
  const clock = () => time.now() + offset;
  const apply = ({ puts, deletes }: Pick<Alternative, 'puts' | 'deletes'>) =>
    fleet.apply([{ position: '1-1', revision: 1, epoch: 1, puts, deletes }]);
  for (let i = 0; i < leases; i++) {
    const endpoint = { project: 'p', service: `s${i}`, label: 'default', instance: 1 };
    const value: Assignment = {
      protocol: 'tcp',
      port: 20_000 + i,
      endpoint,
      lease: { id: `l${i}`, ttl },
      grantedAt: '2026-11-30T00:00:00.000Z',
    };
    apply({ puts: [{ key: key.assignment('tcp', value.port), value: JSON.stringify(value) }], deletes: [] });
    deadlines.set(`l${i}`, clock() + ttl * 1000);
  }
  const holds = (condition: Condition) =>
    !('lease' in condition) || (condition.due ?? true) === (deadlines.get(condition.lease) ?? Infinity) <= clock();
  const term: Term = {
    async commit(parts) {
      if (slow > 0) await time.sleep(slow);
      if (silent || !(parts.conditions ?? []).every(holds)) return undefined;
      for (const { id, ttl } of parts.leases ?? []) {
        if (ttl === null) deadlines.delete(id);
        else deadlines.set(id, clock() + ttl);
      }
      apply({ puts: parts.puts ?? [], deletes: parts.deletes ?? [] });
      return { applied: true, alternative: 0, revision: 1, position: '1-1', epoch: 1, acknowledgement: 'disk' };
    },
  };
  const store = {
    async due(limit: number) {
      if (silent) throw new Error('silent');
      const over = [...deadlines].filter(([, deadline]) => deadline <= clock()).sort((a, b) => a[1] - b[1]);
      const found = over.slice(0, limit);
      return {
        leases: found.map(([id]) => id),
        deadlines: found.map(([, deadline]) => deadline),
        total: deadlines.size,
        time: clock(),
      };
    },
  } as Store;
  const stop = new AbortController();
  new ReaperDuty(store, { fleet } as Replica, pino({ level: 'silent' }), undefined, time).lead(term, stop.signal);
  return {
    pass: (ms: number) => time.pass(ms),
    step: (by: number) => (offset += by),
    freeze: (frozen: boolean) => (silent = frozen),
    delay: (ms: number) => (slow = ms),
    renew: () => {
      for (const id of deadlines.keys()) if (id.startsWith('l')) deadlines.set(id, clock() + ttl * 1000);
    },
    /** Is due at once. */
    let: (id: string) => deadlines.has(id) && deadlines.set(id, clock()),
    /** A coordinator with a lease that it will not renew. */
    start: (id: string) => {
      const value: Coordinator = { ...COORDINATOR, id };
      apply({ puts: [put<'coordinator'>(key.coordinator(id), value)], deletes: [] });
      deadlines.set(key.coordinator(id), clock() + PRESENCE_TTL);
    },
    coordinator: (id: string) => fleet.get('coordinator', key.coordinator(id))?.value.state,
    count: (kind: EntryKind) => fleet.count(kind),
    alarm: () => fleet.get('finding', key.finding('mass-expiry'))?.value.state,
  };
}

test("a store's clock that jumps gives every lease more time, and ends none", async () => {
  const it = world(10, 60);
  await it.pass(2_000);
  it.renew();
  it.step(61_000);
  await it.pass(3_000);
  expect(it.count('assignment')).toBe(10);
  it.renew();
  await it.pass(30_000);
  expect(it.count('assignment')).toBe(10);
  // Nobody renews: then they end as they should.
  await it.pass(60_000);
  expect(it.count('assignment')).toBe(0);
});

test('silence of the store gives every lease more time', async () => {
  const it = world(10, 5);
  await it.pass(2_000);
  it.freeze(true);
  await it.pass(20_000);
  it.freeze(false);
  await it.pass(3_000);
  expect(it.count('assignment')).toBe(10);
});

test('holders that are cut off at one moment are spared once, whatever their number and ttl', async () => {
  for (const [leases, ttl] of [
    [100, 60],
    [1_000, 60],
    [5_000, 5],
  ] as const) {
    const it = world(leases, ttl);
    // A term begins with one more ttl for all.
    await it.pass(1_000);
    it.renew();
    await it.pass(ttl * 1000 + 2_000);
    expect(it.alarm()).toBe('open');
    const before = it.count('assignment');
    expect(before).toBeGreaterThanOrEqual(Math.floor(leases * 0.85));
    it.renew();
    await it.pass(ttl * 900);
    expect(it.count('assignment')).toBe(before);
    // Those that are silent after that end a part at a time, until none is left; then the finding is resolved.
    await it.pass(ttl * 1000 + 120_000);
    expect(it.count('assignment')).toBe(0);
    expect(it.alarm()).toBe('resolved');
  }
});

test('a few leases of many end with no alarm, and their ports rest', async () => {
  const it = world(15, 60);
  await it.pass(1_000);
  await it.pass(80_000);
  expect(it.count('assignment')).toBe(0);
  expect(it.alarm()).toBeUndefined();
  await it.pass(20_000);
  expect(it.count('resting')).toBe(0);
});

test('a second cut soon after the first one is an alarm of its own', async () => {
  const it = world(100, 60);
  await it.pass(1_000);
  it.renew();
  await it.pass(62_000);
  expect(it.alarm()).toBe('open');
  // All come back, and are cut off again.
  it.renew();
  await it.pass(10_000);
  it.renew();
  const before = it.count('assignment');
  await it.pass(62_000);
  expect(it.count('assignment')).toBeGreaterThanOrEqual(Math.floor(before * 0.85));
  // Nobody comes back this time.
  await it.pass(200_000);
  expect(it.count('assignment')).toBe(0);
});

const COORDINATOR: Omit<Coordinator, 'id'> = {
  host: 'k1',
  api: 'https://k1:7678',
  version: '1',
  startedAt: '2026-11-30T00:00:00.000Z',
  state: 'alive',
  stateSince: '2026-11-30T00:00:00.000Z',
};

test('a coordinator that renews nothing is missing, and after a day it is forgotten', async () => {
  const it = world(0, 60);
  await it.pass(2_000);
  it.start('k1');
  await it.pass(PRESENCE_TTL - 2_000);
  expect(it.coordinator('k1')).toBe('alive');
  await it.pass(5_000);
  expect(it.coordinator('k1')).toBe('missing');
  it.let(key.coordinator('k1'));
  await it.pass(2_000);
  expect(it.coordinator('k1'), `its lease was to last ${FORGOTTEN_AFTER} ms`).toBeUndefined();
});

test('an outage of the store makes no coordinator missing', async () => {
  const it = world(0, 60);
  await it.pass(2_000);
  it.start('k1');
  it.freeze(true);
  await it.pass(60_000);
  it.freeze(false);
  await it.pass(PRESENCE_TTL - 1_000);
  expect(it.coordinator('k1')).toBe('alive');
});

test('a store that is slow and never silent keeps no lease from ending', async () => {
  const it = world(10, 5);
  it.delay(1_100);
  await it.pass(60_000);
  expect(it.count('assignment')).toBe(0);
});

test('the alarm is over although single leases end all the time', async () => {
  const it = world(100, 60);
  await it.pass(1_000);
  it.renew();
  await it.pass(62_000);
  expect(it.alarm()).toBe('open');
  for (let i = 0; i < 8; i++) {
    it.renew();
    it.let(`l${i}`);
    await it.pass(20_000);
  }
  expect(it.alarm()).toBe('resolved');
});
