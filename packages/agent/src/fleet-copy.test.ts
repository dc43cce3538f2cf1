import type { Member } from '@portolan/gossip';
import {
  type Assignment,
  type Finding,
  type Host,
  key,
  type Listener,
  listenerId,
  packEntry,
  packOwn,
  provisionalKey,
  REGISTRY_SHEET,
} from '@portolan/model';
import { beforeEach, expect, test, vi } from 'vitest';
import { FleetCopy } from './fleet-copy.ts';

const patient = { timeout: 5_000, interval: 10 };
const T0 = Date.parse('2026-11-21T12:00:00.000Z');

let now: number;
let found: Finding[];
let copy: FleetCopy;
beforeEach(() => {
  now = T0;
  found = [];
  copy = new FleetCopy({ now: () => now, found: (finding) => found.push(finding) });
});

test('a host is as gossip sees it, and its sockets stay while it is only silent', () => {
  copy.attend([member('c', 'coordinator'), member('h1', 'agent')]);
  say('h1', hostRecord('h1'), listenerRecord('h1', 3050, 'mana/sync'));
  expect(copy.fleet.host('h1')?.state).toBe('alive');
  copy.attend([member('c', 'coordinator'), member('h1', 'agent', 'failed')]);
  expect(copy.fleet.host('h1')?.state).toBe('unreachable');
  expect(copy.fleet.listeners('tcp', 3050).size).toBe(1);
  now += 5_000;
  expect(copy.hostAsOf('h1')).toBe(T0);
});

test('what the registry says of a host goes before what the host says; who left, and with which key, is for the registry', () => {
  const registered = { ...HOST, id: 'h1', name: 'true-name', key: 'k'.repeat(43) };
  say(REGISTRY_SHEET, [key.host('h1'), packEntry(registered, '1.1')]);
  say('h1', hostRecord('h1'));
  copy.attend([member('c', 'coordinator'), member('h1', 'agent', 'left')]);
  expect(copy.fleet.host('h1')).toMatchObject({ name: 'true-name', state: 'unreachable' });
  expect([copy.hasSheet('h1'), copy.keyOf('h1'), copy.hasSheet('h2')]).toEqual([true, registered.key, false]);
  say(REGISTRY_SHEET, [key.host('h1'), packEntry({ ...registered, state: 'left' }, '1.2')]);
  copy.attend([member('c', 'coordinator'), member('h1', 'agent')]);
  expect(copy.fleet.host('h1')?.state).toBe('left');
  expect(copy.hasSheet('h1')).toBe(false);
});

test('a sheet that is given up takes along what it said', () => {
  const records = [hostRecord('h1'), listenerRecord('h1', 3050, 'mana/sync')];
  say('h1', ...records);
  copy.take({ owner: 'h1', puts: new Map(), deletes: records.map(([of]) => of), gone: true });
  expect(copy.fleet.listeners('tcp', 3050).size).toBe(0);
  expect(copy.fleet.host('h1')).toBeUndefined();
});

test('while a coordinator is there the findings are those of the registry', async () => {
  copy.attend([member('c', 'coordinator'), member('h1', 'agent'), member('h2', 'agent')]);
  collide();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(copy.fleet.count('finding')).toBe(0);
  expect(found).toEqual([]);
});

test('without one a new collision is found, told once, and over when it is', async () => {
  copy.attend([member('c', 'coordinator'), member('h1', 'agent'), member('h2', 'agent')]);
  copy.attend([member('c', 'coordinator', 'failed'), member('h1', 'agent'), member('h2', 'agent')]);
  collide();
  await vi.waitFor(() => expect(found.map(({ id }) => id)).toEqual(['collision:tcp:3026']), patient);
  expect(copy.fleet.get('finding', key.finding('collision:tcp:3026'))?.value.state).toBe('open');
  const [of] = listenerRecord('h2', 3026, 'mana/video-gen');
  copy.take({ owner: 'h2', puts: new Map(), deletes: [of], gone: false });
  await vi.waitFor(() => expect(copy.fleet.count('finding')).toBe(0), patient);
  expect(found).toHaveLength(1);
});

test('what the registry found stays, though the agent cannot see all that it rests on', async () => {
  copy.attend([member('c', 'coordinator')]);
  const finding = { ...BASE_FINDING, id: 'collision:tcp:3061', port: 3061 };
  say(REGISTRY_SHEET, [key.finding(finding.id), packEntry(finding, '1.7')]);
  copy.attend([member('c', 'coordinator', 'failed')]);
  say('h1', hostRecord('h1'), listenerRecord('h1', 3061, 'mana/known'));
  collide();
  await vi.waitFor(() => expect(found.map(({ id }) => id)).toEqual(['collision:tcp:3026']), patient);
  expect(copy.fleet.has(key.finding(finding.id))).toBe(true);
});

test('an agent that never saw a coordinator waits for one before it judges', async () => {
  copy.attend([member('h1', 'agent'), member('h2', 'agent')]);
  collide();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(found).toEqual([]);
  now += 11_000;
  say('h1', listenerRecord('h1', 3070, 'mana/other'));
  await vi.waitFor(() => expect(found.map(({ id }) => id)).toEqual(['collision:tcp:3026']), patient);
});

test('a provisional lease shows until the registry knows better', () => {
  const promise: Assignment = { ...PROMISE, provisional: 'h1', host: 'h1' };
  say('h1', [provisionalKey('tcp', 20_700), packOwn({ kind: 'provisional', value: promise })]);
  expect(copy.fleet.assignment('tcp', 20_700)?.value).toMatchObject({ provisional: 'h1' });
  const real: Assignment = { ...PROMISE, endpoint: { ...PROMISE.endpoint, service: 'somebody-else' } };
  say(REGISTRY_SHEET, [key.assignment('tcp', 20_700), packEntry(real, '5.9')]);
  expect(copy.fleet.assignment('tcp', 20_700)).toMatchObject({
    value: { endpoint: { service: 'somebody-else' } },
    version: '5.9',
  });
  copy.take({ owner: REGISTRY_SHEET, puts: new Map(), deletes: [key.assignment('tcp', 20_700)], gone: false });
  expect(copy.fleet.assignment('tcp', 20_700)?.value.provisional).toBe('h1');
});

test('no host is believed to have given more provisional leases than an agent gives', () => {
  const given = Array.from({ length: 300 }, (_, i): [string, string] => [
    provisionalKey('tcp', 21_000 + i),
    packOwn({ kind: 'provisional', value: { ...PROMISE, port: 21_000 + i, provisional: 'h1', host: 'h1' } }),
  ]);
  say('h1', ...given);
  expect(copy.fleet.count('assignment')).toBe(100);
  copy.take({ owner: 'h1', puts: new Map(), deletes: given.map(([of]) => of), gone: true });
  expect(copy.fleet.count('assignment')).toBe(0);
  say('h1', given.at(-1)!);
  expect(copy.fleet.count('assignment')).toBe(1);
});

test('of two agents that gave one port the first is shown, on every agent the same', () => {
  const given = (host: string, at: string): [string, string] => [
    provisionalKey('tcp', 20_700),
    packOwn({ kind: 'provisional', value: { ...PROMISE, provisional: host, host, grantedAt: at } }),
  ];
  say('h2', given('h2', '2026-11-21T12:00:02.000Z'));
  say('h1', given('h1', '2026-11-21T12:00:01.000Z'));
  expect(copy.fleet.assignment('tcp', 20_700)?.value.provisional).toBe('h1');
});

test('as of when it is: now while a coordinator is there, else since the last one was', () => {
  expect(copy.asOf).toBeNull();
  copy.attend([member('c', 'coordinator')]);
  say(REGISTRY_SHEET, [key.assignment('tcp', 20_700), packEntry(PROMISE, '5.9')]);
  now += 60_000;
  expect(copy.asOf).toBe(T0 + 60_000);
  copy.attend([member('c', 'coordinator', 'failed', now)]);
  now += 30_000;
  expect(copy.asOf).toBeLessThanOrEqual(T0 + 60_000);
});

const HOST: Omit<Host, 'id' | 'name'> = {
  addresses: [],
  platform: 'linux',
  agentVersion: '1',
  ephemeral: null,
  blindSpots: [],
  state: 'alive',
  stateSince: '2026-11-21T11:00:00.000Z',
};

const PROMISE: Assignment = {
  protocol: 'tcp',
  port: 20_700,
  endpoint: { project: 'mana', service: 'late', label: 'default', instance: 1 },
  lease: null,
  grantedAt: '2026-11-21T12:00:00.000Z',
};

const BASE_FINDING: Finding = {
  id: '',
  kind: 'collision',
  severity: 'warning',
  class: 'latent',
  maskedBy: 'host',
  protocol: 'tcp',
  port: null,
  parties: [],
  summary: 'two services',
  remedies: [],
  state: 'open',
  firstSeen: '2026-11-21T11:00:00.000Z',
  lastChanged: '2026-11-21T11:00:00.000Z',
};

function say(owner: string, ...records: [string, string][]): void {
  copy.take({ owner, puts: new Map(records), deletes: [], gone: false });
}

function collide(): void {
  say('h1', hostRecord('h1'), listenerRecord('h1', 3026, 'mana/image-gen'));
  say('h2', hostRecord('h2'), listenerRecord('h2', 3026, 'mana/video-gen'));
}

function member(name: string, role: string, status: Member['status'] = 'alive', statusSince = T0): Member {
  const address = { host: '127.0.0.1', port: 1 };
  const tags = { kind: 'portolan', role };
  return { name, address, tags, status, statusSince, incarnation: 1, versions: new Uint8Array(6) };
}

function hostRecord(id: string): [string, string] {
  return [key.host(id), packOwn({ kind: 'host', value: { ...HOST, id, name: id } })];
}

function listenerRecord(host: string, port: number, service: string): [string, string] {
  const listener: Listener = {
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket: '1',
    process: null,
    container: null,
    identity: { service, label: null, instance: null, evidence: { kind: 'systemd', detail: service } },
    since: '2026-11-21T11:00:00.000Z',
  };
  return [key.listener(host, listenerId(listener)), packOwn({ kind: 'listener', value: { ...listener, host } })];
}
