import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createGossipKey,
  createSigningKey,
  keySeals,
  type SheetCluster,
  type SigningKey,
  startSheetCluster,
} from '@portolan/gossip';
import {
  type GossipAccess,
  key,
  PortolanError,
  type ProofRequest,
  packEntry,
  proofStatement,
  REGISTRY_SHEET,
} from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { FleetCopy } from './fleet-copy.ts';
import { type AgentGossipOptions, GossipDuty, type IsOurs } from './gossip-duty.ts';
import { OwnSheet } from './own-sheet.ts';

const patient = { timeout: 60_000, interval: 50 };
const T0 = '2026-11-21T11:00:00.000Z';
const info = { name: 'n', addresses: [], platform: 'linux', agentVersion: '1', ephemeral: null, blindSpots: [] };

let directory: string;
let keys: string[];
let coordinator: SheetCluster;
let identity: SigningKey;
let signing: Map<string, SigningKey>;
let learned: Map<string, IsOurs>;
let answers: boolean;
let warnings: string[];
const running: { stop(): Promise<unknown> }[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-duty-'));
  keys = [createGossipKey()];
  identity = createSigningKey();
  signing = new Map();
  learned = new Map();
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
    sheets: {
      seals: keySeals(
        (owner) => (owner === REGISTRY_SHEET ? identity : undefined),
        () => undefined,
      ),
    },
  });
  running.push({ stop: () => cluster.gossip.stop() });
  return cluster;
}

/** Has the coordinator tell this, and the hosts of all agents. */
function publish(records: ReadonlyMap<string, string>, version = Date.now()): void {
  const hosts = Array.from(signing, ([id, { publicKey }]): [string, string] => {
    const host = { ...info, name: id, id, key: publicKey, state: 'alive' as const, stateSince: T0 };
    return [key.host(id), packEntry(host, '1.1')];
  });
  coordinator.sheets.publish(REGISTRY_SHEET, new Map([...hosts, ...records]), version);
}

const seedOf = ({ gossip }: SheetCluster) => `${gossip.address.host}:${gossip.address.port}`;

function startDuty(id: string, over: Partial<AgentGossipOptions> = {}, state = join(directory, id)) {
  const copy = new FleetCopy({ now: Date.now, found: () => {} });
  const own = new OwnSheet(id, { ...info, name: id }, copy);
  own.update([]);
  const hostKey = signing.get(id) ?? createSigningKey();
  signing.set(id, hostKey);
  const wait = (ms: number, signal?: AbortSignal) => systemClock.wait(Math.min(ms, 300), signal);
  const duty = new GossipDuty({
    gossip: {
      port: 0,
      coordinator: {
        async access(): Promise<GossipAccess> {
          if (answers) {
            return { label: 'portolan/test', keys, seeds: [seedOf(coordinator)], identity: identity.publicKey };
          }
          throw new PortolanError('unreachable', 'nobody is there');
        },
        settle: async () => ({ granted: [], lost: [] }),
        learn: (urls, isOurs) => {
          for (const url of urls) learned.set(url, isOurs);
        },
      },
      ...over,
    },
    hostId: id,
    hostKey,
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
  publish(new Map());
  await vi.waitFor(() => expect(b.copy.fleet.host('a')?.state).toBe('alive'), patient);
  const range = { name: 'shop', from: 20_000, to: 20_099, purpose: '', owner: 'shop', policy: 'allocate' as const };
  publish(new Map([[key.range('shop'), packEntry(range, '1.2')]]));
  await vi.waitFor(() => expect(a.copy.fleet.count('range')).toBe(1), patient);
  expect([...learned.keys()]).toEqual(['http://127.0.0.1:1']);
});

test('a coordinator that gossip names has to prove that it has the key of the fleet, for its own address', async () => {
  const a = startDuty('a');
  await vi.waitFor(() => expect(learned.size).toBe(1), patient);
  const [[url, isOurs]] = [...learned] as [[string, IsOurs]];
  const signedBy =
    (by: SigningKey, origin = url) =>
    async ({ nonce }: ProofRequest) => ({
      signature: Buffer.from(by.sign(proofStatement({ origin, nonce }))).toString('base64url'),
    });
  expect(await isOurs(url, signedBy(identity))).toBe(true);
  expect(await isOurs(url, signedBy(createSigningKey()))).toBe(false);
  expect(await isOurs(url, signedBy(identity, 'http://127.0.0.1:2')), 'passed on to the true one').toBe(false);
  const replayed = await signedBy(identity)({ origin: url, nonce: 'of before' });
  expect(await isOurs(url, async () => replayed)).toBe(false);
  expect(a.alive()).toContain('c1');
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
  publish(records, before);
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
  const other = startDuty('b', { join: [address], keys, identity: identity.publicKey, fleet: 'test' });
  const stranger = startDuty('c', { join: [address], keys, fleet: 'test' });
  await vi.waitFor(() => expect(other.copy.fleet.count('range')).toBe(1), patient);
  expect(other.copy.asOf).toBe(before);
  await vi.waitFor(() => expect(stranger.alive()).toEqual(['a', 'b', 'c']), patient);
  expect(stranger.copy.fleet.count('range'), 'it never heard whom to believe').toBe(0);

  // A coordinator that is back has the last word, though its clock be slow.
  coordinator = await startCoordinator('c2');
  answers = true;
  publish(new Map(), before - 60_000);
  await vi.waitFor(() => expect(other.copy.fleet.count('range')).toBe(0), patient);
  await vi.waitFor(() => expect(again.copy.fleet.count('range')).toBe(0), patient);
});

test('a registry kept from another fleet is forgotten', async () => {
  const range = { name: 'shop', from: 20_000, to: 20_099, purpose: '', owner: 'shop', policy: 'allocate' as const };
  publish(new Map([[key.range('shop'), packEntry(range, '1.2')]]));
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
