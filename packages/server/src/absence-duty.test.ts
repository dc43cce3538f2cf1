import { type Coordinator, Fleet, type Host, key, type PastOutage } from '@portolan/model';
import { expect, test } from 'vitest';
import { TestClock } from '../../../test/support/test-clock.ts';
import { AbsenceDuty } from './absence-duty.ts';
import { put } from './commands/entries.ts';
import type { Term } from './leader.ts';
import type { Replica, ReplicaListener } from './replica.ts';
import type { Put } from './store/store.ts';

/** A leader's term on a fleet of hosts that a test tells of. */
function world() {
  const fleet = new Fleet();
  const clock = new TestClock();
  const listeners = new Set<ReplicaListener>();
  const outages: PastOutage[] = [];
  const over = new AbortController();
  let revision = 0;
  let commits = 0;
  const apply = (puts: readonly Put[], deletes: readonly string[] = []) => {
    revision++;
    const applied = fleet.apply([{ position: `${revision}-1`, revision, epoch: 1, puts, deletes }]);
    for (const listener of listeners) listener.applied(applied);
  };
  const term: Term = {
    async commit({ puts = [], deletes = [], conditions = [] }) {
      for (const each of conditions) {
        if ('version' in each && 'key' in each && fleet.version('finding', each.key) !== each.version) return undefined;
      }
      commits++;
      apply(puts, deletes);
      return { applied: true, alternative: 0, revision, position: fleet.position, epoch: 1, acknowledgement: 'disk' };
    },
  };
  const replica = {
    fleet,
    subscribe(listener: ReplicaListener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as Replica;
  const is = (id: string, state: Host['state']) => {
    const value: Host = {
      id,
      name: id,
      addresses: [],
      platform: 'linux x64',
      agentVersion: '1',
      ephemeral: null,
      blindSpots: [],
      state,
      stateSince: '2026-11-30T02:14:07.123Z',
    };
    apply([put<'host'>(key.host(id), value)]);
  };
  const coordinator = (state: Coordinator['state']) => {
    const value: Coordinator = {
      id: 'k1',
      host: 'k1',
      api: 'https://k1:7678',
      version: '1',
      startedAt: '2026-11-30T01:00:00.000Z',
      state,
      stateSince: '2026-11-30T02:14:07.123Z',
    };
    apply([put<'coordinator'>(key.coordinator('k1'), value)]);
  };
  const duty = new AbsenceDuty({ replica, outages: () => outages, grace: 30, clock });
  duty.lead(term, over.signal);
  const open = () => Array.from(fleet.all('finding'), ({ value }) => value).filter(({ state }) => state !== 'resolved');
  return {
    fleet,
    clock,
    outages,
    is,
    coordinator,
    apply,
    open,
    ids: () =>
      open()
        .map(({ id }) => id)
        .sort(),
    commits: () => commits,
  };
}

test('a host is a finding once it has been away for the grace, and not before; what flaps is none', async () => {
  const { is, clock, ids, open, commits } = world();
  for (const id of ['a', 'b', 'c', 'd']) is(id, 'alive');
  is('a', 'unreachable');
  await clock.pass(20_000);
  is('a', 'alive');
  await clock.pass(5_000);
  is('a', 'unreachable');
  await clock.pass(28_000);
  expect(ids()).toEqual([]);
  await clock.pass(4_000);
  expect(ids()).toEqual(['host-unreachable:a']);
  expect(open()[0]?.summary).toBe(
    'The host a has been unreachable since 2026-11-30T02:14:07Z. 0 services listened there when it was last heard.',
  );
  const before = commits();
  await clock.pass(600_000);
  expect(commits(), 'nothing is written while nothing changes').toBe(before);
  is('a', 'alive');
  await clock.pass(2_000);
  expect(ids()).toEqual([]);
});

test('one that left, or was forgotten, is no finding any more', async () => {
  const { is, apply, clock, ids } = world();
  for (const id of ['a', 'b', 'c', 'd', 'e']) is(id, 'alive');
  is('a', 'unreachable');
  is('b', 'unreachable');
  await clock.pass(32_000);
  expect(ids()).toEqual(['host-unreachable:a', 'host-unreachable:b']);
  is('a', 'left');
  apply([], [key.host('b')]);
  await clock.pass(2_000);
  expect(ids()).toEqual([]);
});

test('a thousand hosts that go at once are one finding, and those that stay away when others return have their own', async () => {
  const { is, clock, ids, open } = world();
  const hosts = Array.from({ length: 1_000 }, (_, i) => `h${String(i).padStart(4, '0')}`);
  for (const id of hosts) is(id, 'alive');
  for (const id of hosts.slice(0, 600)) is(id, 'unreachable');
  await clock.pass(1_500);
  for (const id of hosts.slice(600)) is(id, 'unreachable');
  await clock.pass(40_000);
  expect(ids()).toEqual(['host-unreachable:many']);
  expect(open()[0]?.summary).toMatch(
    /^1000 of 1000 hosts are unreachable, .*h0009, and 990 more\. So many at once point to/,
  );
  expect(open()[0]).toMatchObject({ partyCount: 1_000 });
  for (const id of hosts.slice(2)) is(id, 'alive');
  await clock.pass(4_000);
  expect(ids()).toEqual(['host-unreachable:h0000', 'host-unreachable:h0001']);
});

test('a coordinator that is missing for the grace is a finding, until it is back', async () => {
  const { coordinator, clock, ids, open } = world();
  coordinator('alive');
  coordinator('missing');
  await clock.pass(28_000);
  expect(ids()).toEqual([]);
  await clock.pass(4_000);
  expect(ids()).toEqual(['coordinator-missing:k1']);
  expect(open()[0]?.summary).toContain('k1 (https://k1:7678), version 1, has been gone since 2026-11-30T02:14:07Z');
  coordinator('alive');
  await clock.pass(2_000);
  expect(ids()).toEqual([]);
});

test('an outage is told once when it is over, with its length', async () => {
  const { outages, clock, open, commits } = world();
  const to = new Date();
  outages.push({ what: 'store', from: new Date(to.getTime() - 26_000).toISOString(), to: to.toISOString() });
  await clock.pass(2_000);
  expect(open()).toMatchObject([
    { id: 'store-unavailable', summary: expect.stringContaining(', for 26 s. Meanwhile') },
  ]);
  const before = commits();
  await clock.pass(60_000);
  expect(commits()).toBe(before);
});
