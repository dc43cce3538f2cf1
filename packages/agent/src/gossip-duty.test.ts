import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGossipKey, type SheetCluster, startSheetCluster } from '@portolan/gossip';
import { type GossipAccess, key, PortolanError, packEntry, packOwn, REGISTRY_SHEET } from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { FleetCopy } from './fleet-copy.ts';
import { type AgentGossipOptions, GossipDuty } from './gossip-duty.ts';
import { OwnSheet } from './own-sheet.ts';

const patient = { timeout: 60_000, interval: 50 };
const info = { name: 'n', addresses: [], platform: 'linux', agentVersion: '1', ephemeral: null, blindSpots: [] };

let directory: string;
let keys: string[];
let coordinator: SheetCluster;
let learned: Set<string>;
let answers: boolean;
let warnings: string[];
const running: { stop(): Promise<unknown> }[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-duty-'));
  keys = [createGossipKey()];
  learned = new Set();
  answers = true;
  warnings = [];
  coordinator = await startCoordinator('c1');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
  await rm(directory, { recursive: true });
});

async function startCoordinator(name: string): Promise<SheetCluster> {
  const cluster = await startSheetCluster({
    name,
    host: '127.0.0.1',
    ports: [0],
    profile: 'local',
    label: 'portolan/test',
    keyring: keys,
    tags: { kind: 'portolan', role: 'coordinator', host: name, version: '1', api: `http://127.0.0.1:1/${name}` },
    kindTag: 'kind',
  });
  running.push({ stop: () => cluster.gossip.stop() });
  return cluster;
}

const seedOf = ({ gossip }: SheetCluster) => `${gossip.address.host}:${gossip.address.port}`;

function startDuty(id: string, over: Partial<AgentGossipOptions> = {}, state = join(directory, id)) {
  const copy = new FleetCopy({ now: Date.now, found: () => {} });
  const own = new OwnSheet(id, { ...info, name: id }, copy);
  own.update([]);
  const wait = (ms: number, signal?: AbortSignal) => systemClock.wait(Math.min(ms, 300), signal);
  const duty = new GossipDuty({
    gossip: {
      port: 0,
      coordinator: {
        async access(): Promise<GossipAccess> {
          if (answers) return { label: 'portolan/test', keys, seeds: [seedOf(coordinator)] };
          throw new PortolanError('unreachable', 'nobody is there');
        },
        settle: async () => ({ granted: [], lost: [] }),
        learn: (urls) => {
          for (const url of urls) learned.add(url);
        },
      },
      ...over,
    },
    hostId: id,
    hostName: id,
    version: '1',
    stateDirectory: state,
    copy,
    own,
    clock: { ...systemClock, wait },
    logger: pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) }),
  });
  duty.start();
  running.push(duty);
  const alive = () => duty.members.flatMap(({ name, status }) => (status === 'alive' ? [name] : [])).sort();
  return { duty, copy, alive };
}

test('an agent takes part as a coordinator tells it, has what others say, and tells where coordinators are', async () => {
  const a = startDuty('a');
  const b = startDuty('b');
  await vi.waitFor(
    () =>
      expect([a.alive(), b.alive()]).toEqual([
        ['a', 'b', 'c1'],
        ['a', 'b', 'c1'],
      ]),
    patient,
  );
  await vi.waitFor(() => expect(b.copy.fleet.host('a')?.state).toBe('alive'), patient);
  const range = { name: 'shop', from: 20_000, to: 20_099, purpose: '', owner: 'shop', policy: 'allocate' as const };
  coordinator.sheets.publish(REGISTRY_SHEET, new Map([[key.range('shop'), packEntry(range, '1.2')]]));
  await vi.waitFor(() => expect(a.copy.fleet.count('range')).toBe(1), patient);
  expect([...learned]).toEqual(['http://127.0.0.1:1']);
});

test('what an agent broadcasts in the name of the registry is not taken', async () => {
  const a = startDuty('a');
  await vi.waitFor(() => expect(a.alive()).toEqual(['a', 'c1']), patient);
  const rogue = await startSheetCluster({
    name: 'rogue',
    host: '127.0.0.1',
    ports: [0],
    profile: 'local',
    label: 'portolan/test',
    keyring: keys,
    tags: { kind: 'portolan', role: 'agent' },
    kindTag: 'kind',
  });
  running.push({ stop: () => rogue.gossip.stop() });
  await rogue.gossip.join([seedOf(coordinator)]);
  const block = { from: 3000, to: 3000, protocol: null, reason: 'mine' };
  rogue.sheets.publish(REGISTRY_SHEET, new Map([[key.block(block), packEntry(block, '1.2')]]));
  const host = { ...info, id: 'rogue', state: 'alive' as const, stateSince: '2026-11-21T11:00:00.000Z' };
  rogue.sheets.publish('rogue', new Map([[key.host('rogue'), packOwn({ kind: 'host', value: host })]]));
  // Told after it, so with this one the other would be there.
  await vi.waitFor(() => expect(a.copy.fleet.host('rogue')).toBeDefined(), patient);
  expect(a.copy.fleet.count('block')).toBe(0);
});

test('the way in is kept, for this user alone, and used when no coordinator answers', async () => {
  const first = startDuty('a');
  const peer = startDuty('b');
  await vi.waitFor(() => expect(first.alive()).toEqual(['a', 'b', 'c1']), patient);
  expect((await stat(join(directory, 'a', 'gossip.json'))).mode & 0o777).toBe(0o600);
  await first.duty.stop();
  answers = false;
  await coordinator.gossip.stop();
  const again = startDuty('a');
  // Not the coordinator, which is no more: the other agent.
  await vi.waitFor(() => expect(again.alive()).toEqual(['a', 'b']), patient);
  await vi.waitFor(() => expect(peer.alive()).toEqual(['a', 'b']), patient);
});

test('what was last heard of the registry outlives all agents, with its age, and others are told of it', async () => {
  const range = { name: 'shop', from: 20_000, to: 20_099, purpose: '', owner: 'shop', policy: 'allocate' as const };
  const records = new Map([[key.range('shop'), packEntry(range, '1.2')]]);
  const before = Date.now();
  coordinator.sheets.publish(REGISTRY_SHEET, records, before);
  const first = startDuty('a');
  await vi.waitFor(() => expect(first.copy.fleet.count('range')).toBe(1), patient);
  await first.duty.stop();
  answers = false;
  await coordinator.gossip.stop();

  const again = startDuty('a');
  expect(again.copy.fleet.count('range')).toBe(1);
  expect(again.copy.isAttended).toBe(false);
  expect(again.copy.asOf).toBeGreaterThanOrEqual(before);
  expect(again.copy.asOf).toBeLessThanOrEqual(Date.now());
  // One that never heard of it: of the way in, by hand.
  await vi.waitFor(() => expect(again.alive()).toEqual(['a']), patient);
  const [{ address } = { address: '' }] = again.duty.members;
  const other = startDuty('b', { join: [address], keys, fleet: 'test' });
  await vi.waitFor(() => expect(other.copy.fleet.count('range')).toBe(1), patient);
  expect(other.copy.asOf).toBe(before);

  // A coordinator that is back has the last word, though its clock be slow.
  coordinator = await startCoordinator('c2');
  answers = true;
  coordinator.sheets.publish(REGISTRY_SHEET, new Map(), before - 60_000);
  await vi.waitFor(() => expect(other.copy.fleet.count('range')).toBe(0), patient);
  await vi.waitFor(() => expect(again.copy.fleet.count('range')).toBe(0), patient);
});

test('a registry kept from another fleet is forgotten', async () => {
  const range = { name: 'shop', from: 20_000, to: 20_099, purpose: '', owner: 'shop', policy: 'allocate' as const };
  coordinator.sheets.publish(REGISTRY_SHEET, new Map([[key.range('shop'), packEntry(range, '1.2')]]), Date.now());
  const first = startDuty('a');
  await vi.waitFor(() => expect(first.copy.fleet.count('range')).toBe(1), patient);
  await first.duty.stop();
  await rm(join(directory, 'a', 'gossip.json'));
  answers = false;
  const again = startDuty('a', { join: ['127.0.0.1:1'], keys, fleet: 'elsewhere' });
  await vi.waitFor(() => expect(again.alive()).toEqual(['a']), patient);
  expect(again.copy.fleet.count('range')).toBe(0);
  expect(again.copy.asOf).toBe(null);
});

test('an agent that nobody can tell how waits until somebody can', async () => {
  answers = false;
  const a = startDuty('a');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(a.duty.members).toEqual([]);
  answers = true;
  await vi.waitFor(() => expect(a.alive()).toEqual(['a', 'c1']), patient);
});

test('an agent that missed a change of keys comes back with the new ones', async () => {
  const a = startDuty('a');
  await vi.waitFor(() => expect(a.alive()).toEqual(['a', 'c1']), patient);
  await coordinator.gossip.stop();
  keys = [createGossipKey()];
  coordinator = await startCoordinator('c2');
  await vi.waitFor(() => expect(a.alive()).toEqual(['a', 'c2']), { timeout: 60_000, interval: 100 });
});

test('beyond this machine it does not gossip without a key, and does as soon as a coordinator tells one', async () => {
  answers = false;
  const a = startDuty('a', { host: '0.0.0.0', join: ['127.0.0.1:1'] });
  await vi.waitFor(() => expect(warnings.join()).toContain('It will not gossip on 0.0.0.0 without a key'), patient);
  expect(a.duty.members).toEqual([]);
  answers = true;
  await vi.waitFor(() => expect(a.duty.members.map(({ name }) => name)).toContain('a'), patient);
});
