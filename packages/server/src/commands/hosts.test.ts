import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HOST_LISTENERS_MAX,
  type Listener,
  listenerFingerprint,
  listenerId,
  REPORT_CHANGES_MAX,
  type ReportRequest,
  SetDigest,
} from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';

let directory: string;
let coordinator: Coordinator;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-hosts-'));
  const store = await openSqliteStore({ path: join(directory, 'fleet.db') });
  coordinator = await startCoordinator(store, pino({ level: 'silent' }));
  await coordinator.hosts.join('a', {
    name: 'host-a',
    addresses: [],
    platform: 'linux',
    agentVersion: '0.1.0',
    ephemeral: null,
    blindSpots: [],
  });
});
afterEach(async () => {
  await coordinator.stop();
  await rm(directory, { recursive: true });
});

function listener(port: number, socket = port): Listener {
  return {
    protocol: 'tcp',
    address: '127.0.0.1',
    port,
    netns: 'host',
    v6only: false,
    socket: String(socket),
    process: null,
    container: null,
    identity: null,
    since: '2026-01-01T00:00:00.000Z',
  };
}

const digestOf = (listeners: readonly Listener[]) => {
  const digest = new SetDigest();
  for (const each of listeners) digest.toggle(listenerFingerprint(each));
  return digest.toString();
};

async function report(parts: Partial<ReportRequest> & { all: readonly Listener[] }): Promise<string> {
  const { all, ...given } = parts;
  const request = { seq: 1, previous: null, puts: [], deletes: [], digest: digestOf(all), ...given };
  return (await coordinator.hosts.report('a', request)).status;
}

const heldPorts = () =>
  Array.from(coordinator.fleet.listenersOf('a').values(), ({ value }) => value.port).sort((a, b) => a - b);

const [one, two, three, four] = [listener(1001), listener(1002), listener(1003), listener(1004)];
const through = listenerId(two);

test('a part of a full report lets go of what lies in its span alone, and the last part is compared as a whole', async () => {
  await report({ all: [one, two, three, four], puts: [one, two, three, four] });

  const first = { seq: 10, previous: null, puts: [one], covers: { after: null, through }, all: [one] };
  expect(await report(first)).toBe('accepted');
  expect(heldPorts()).toEqual([1001, 1003, 1004]);

  const last = { seq: 11, previous: 10, puts: [four], covers: { after: through, through: null } };
  expect(await report({ ...last, all: [one, three, four] })).toBe('resync');
  expect(heldPorts()).toEqual([1001, 1003, 1004]);
  expect(await report({ ...last, all: [one, four] })).toBe('accepted');
  expect(heldPorts()).toEqual([1001, 1004]);
});

test('a part that comes twice is accepted twice, and one whose forerunner is missing asks for everything', async () => {
  const first = { seq: 10, previous: null, puts: [one], covers: { after: null, through }, all: [one] };
  const last = { seq: 11, previous: 10, puts: [three], covers: { after: through, through: null }, all: [one, three] };
  expect(await report(last)).toBe('resync');
  for (const part of [first, first, last, last]) expect(await report(part)).toBe('accepted');
  expect(heldPorts()).toEqual([1001, 1003]);
});

test('a full report of what is held already writes no listener', async () => {
  await report({ all: [one, two], puts: [one, two] });
  const versions = () => Array.from(coordinator.fleet.listenersOf('a').values(), ({ version }) => version);
  const before = versions();
  const later = [one, two].map((each) => ({ ...each, since: '2026-02-02T00:00:00.000Z' }));
  expect(await report({ seq: 20, all: later, puts: later })).toBe('accepted');
  expect(versions()).toEqual(before);
});

test('more listeners than are kept of one host are refused, and those that are held stay', async () => {
  const parts = HOST_LISTENERS_MAX / REPORT_CHANGES_MAX;
  const digest = new SetDigest();
  const next = (seq: number, puts: Listener[]) => {
    for (const each of puts) digest.toggle(listenerFingerprint(each));
    const previous = seq === 1 ? null : seq - 1;
    return coordinator.hosts.report('a', { seq, previous, puts, deletes: [], digest: digest.toString() });
  };
  for (let part = 0; part < parts; part++) {
    const puts = Array.from({ length: REPORT_CHANGES_MAX }, (_, i) => listener(1 + i, part * REPORT_CHANGES_MAX + i));
    expect((await next(part + 1, puts)).status).toBe('accepted');
  }
  await expect(next(parts + 1, [listener(1, HOST_LISTENERS_MAX)])).rejects.toMatchObject({
    code: 'too-large',
    data: { host: 'a', limit: HOST_LISTENERS_MAX },
  });
  expect(coordinator.fleet.listenersOf('a').size).toBe(HOST_LISTENERS_MAX);

  await coordinator.hosts.forget('a');
  expect(coordinator.fleet.listenersOf('a').size).toBe(0);
});

test('a host that is renamed again and again has to wait; whoever keeps its name never has', async () => {
  const { value } = coordinator.executor.fleet.get('host', 'host/a')!;
  const join = (name: string) => coordinator.hosts.join('a', { ...value, name });
  for (let i = 0; i < 5; i++) await join(`name-${i}`);
  await expect(join('one-more')).rejects.toMatchObject({ code: 'too-many', data: { host: 'a', retryAfter: 10 } });
  expect(await join('name-4')).toMatchObject({ name: 'name-4' });
  expect(await coordinator.hosts.join('b', { ...value, name: 'one-more' })).toMatchObject({ id: 'b' });
});
