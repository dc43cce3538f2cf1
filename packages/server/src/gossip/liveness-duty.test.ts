import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GossipEvent, Member, SheetCluster } from '@portolan/gossip';
import {
  type HostListener,
  key,
  listenerFingerprint,
  type ReportRequest,
  ReserveRequest,
  SetDigest,
  type Task,
} from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';

const patient = { timeout: 60_000, interval: 20 };
/** Seconds. */
const LOCK_DELAY = 2;

let directory: string;
let coordinator: Coordinator;
let members: Map<string, Member>;
let tell: (type: 'join' | 'failed') => void;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-liveness-'));
  const store = await openSqliteStore({ path: join(directory, 'fleet.db') });
  members = new Map();
  coordinator = await startCoordinator(store, pino({ level: 'silent' }), { lockDelay: LOCK_DELAY });
  coordinator.gossip.attach(fakeCluster(), { label: 'portolan/test', api: 'http://127.0.0.1:1' });
  await vi.waitFor(() => expect(coordinator.fleet.has(key.leader())).toBe(true), patient);
});
afterEach(async () => {
  await coordinator.stop();
  await rm(directory, { recursive: true });
});

test('a host that gossip lost is unreachable at once, and alive again when gossip has it back', async () => {
  await enrol('a');
  become('a', 'failed');
  await vi.waitFor(() => expect(stateOf('a')).toBe('unreachable'), patient);
  become('a', 'alive');
  await vi.waitFor(() => expect(stateOf('a')).toBe('alive'), patient);
});

test('a host that gossip vouches for has longer to say something, and others as long as before', async () => {
  await enrol('a');
  expect((await coordinator.hosts.report('a', EMPTY)).ttl).toBe(300);
  become('a', 'failed');
  await vi.waitFor(() => expect(stateOf('a')).toBe('unreachable'), patient);
  expect((await coordinator.hosts.report('a', { ...EMPTY, seq: 2 })).ttl).toBe(30);
});

test('its report undoes a false suspicion, and the same suspicion is not believed again', async () => {
  await enrol('a', 'b');
  become('a', 'failed');
  await vi.waitFor(() => expect(stateOf('a')).toBe('unreachable'), patient);
  await coordinator.hosts.report('a', EMPTY);
  expect(stateOf('a')).toBe('alive');
  // Gossip looks again because of b, and a stays.
  become('b', 'failed');
  await vi.waitFor(() => expect(stateOf('b')).toBe('unreachable'), patient);
  expect(stateOf('a')).toBe('alive');
});

test('that a host left is for its agent to say over HTTP: said by gossip, its listeners stay and block the port', async () => {
  await enrol('a');
  await listens('a', 'image-gen');
  members.set('a', { ...members.get('a')!, status: 'left', statusSince: Date.now() });
  await vi.waitFor(() => expect(stateOf('a')).toBe('unreachable'), patient);
  expect(coordinator.fleet.listeners('tcp', 3026).size).toBe(1);
  const thief = ReserveRequest.parse({ project: 'thief', service: 'y', port: 3026 });
  await expect(coordinator.reserver.reserve(thief, { probe: false })).rejects.toMatchObject({ code: 'port-taken' });
});

test('the leases of a lost host are kept for the lock-delay, then end; those of other hosts stand', async () => {
  await enrol('a', 'b');
  const lost = await reserve('on-a', 'a');
  const other = await reserve('on-b', 'b');
  become('a', 'failed');
  await vi.waitFor(() => expect(stateOf('a')).toBe('unreachable'), patient);
  expect(coordinator.fleet.assignment('tcp', lost.port)?.version, 'kept').toBe(lost.token);
  await vi.waitFor(() => expect(coordinator.fleet.assignment('tcp', lost.port)).toBeUndefined(), patient);
  expect(coordinator.fleet.resting('tcp', lost.port), 'and its port rests').toBeDefined();
  expect(coordinator.fleet.assignment('tcp', other.port)?.version).toBe(other.token);
});

test('no lease ends because somebody says that its host is dead, while the agent answers', async () => {
  await enrol('a');
  const { port, token } = await reserve('on-a', 'a');
  const answering = coordinator.replica.subscribe({
    applied: ({ touches }) => {
      for (const { kind, after } of touches) {
        const task = kind === 'task' ? (after?.value as Task | undefined) : undefined;
        if (task && task.answer === null) void coordinator.hosts.answerTask(task.id, { unavailable: [] });
      }
    },
    reset: () => {},
  });
  const states = new Set<string | undefined>();
  become('a', 'failed');
  const until = Date.now() + (LOCK_DELAY + 3) * 1000;
  while (Date.now() < until) {
    states.add(stateOf('a'));
    expect(coordinator.fleet.assignment('tcp', port)?.version).toBe(token);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(stateOf('a')).toBe('alive');
  answering();
});

test('whoever renews in that time has the same grant as before', async () => {
  await enrol('a');
  const { port, token, lease } = await reserve('on-a', 'a');
  become('a', 'failed');
  await vi.waitFor(() => expect(stateOf('a')).toBe('unreachable'), patient);
  const until = Date.now() + (LOCK_DELAY + 2) * 1000;
  while (Date.now() < until) {
    const { renewed } = await coordinator.leases.renew({ leases: [{ id: lease!.id, token }] });
    expect(renewed).toEqual([{ id: lease!.id, ttl: 3_600 }]);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(coordinator.fleet.assignment('tcp', port)?.version).toBe(token);
});

test('when most agents are gone at once gossip alone is not believed', async () => {
  await enrol('a', 'b', 'c', 'd');
  for (const name of ['a', 'b', 'c']) {
    const member = members.get(name)!;
    members.set(name, { ...member, status: 'failed', statusSince: Date.now() });
  }
  tell('failed');
  // One more look comes a second later; by then it would have been written down.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(['a', 'b', 'c', 'd'].map(stateOf)).toEqual(['alive', 'alive', 'alive', 'alive']);
});

test('a host that flaps ten times is written down a few times at most, and no finding changes', async () => {
  await enrol('a', 'b');
  await listens('a', 'image-gen');
  await listens('b', 'video-gen');
  const collision = key.finding('collision:tcp:3026');
  await vi.waitFor(() => expect(coordinator.fleet.has(collision)).toBe(true), patient);
  let findings = 0;
  let states = 0;
  coordinator.replica.subscribe({
    applied: ({ touches }) => {
      findings += touches.filter(({ kind }) => kind === 'finding').length;
      states += touches.filter(({ key: of }) => of === key.host('a')).length;
    },
    reset: () => {},
  });
  for (let i = 0; i < 10; i++) {
    for (const status of ['failed', 'alive'] as const) {
      become('a', status);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  expect(findings).toBe(0);
  expect(states).toBeGreaterThan(0);
  expect(states).toBeLessThanOrEqual(2);
  expect(coordinator.fleet.get('finding', collision)?.value.state).toBe('open');
});

const EMPTY: ReportRequest = { seq: 1, previous: null, puts: [], deletes: [], digest: new SetDigest().toString() };

function stateOf(name: string): string | undefined {
  return coordinator.fleet.host(name)?.state;
}

async function enrol(...names: string[]): Promise<void> {
  for (const name of names) {
    const about = { addresses: [], platform: 'linux', agentVersion: '1', ephemeral: null, blindSpots: [] };
    await coordinator.hosts.join(name, { ...about, name });
    become(name, 'alive');
  }
}

function become(name: string, status: Member['status']): void {
  members.set(name, {
    name,
    address: { host: '127.0.0.1', port: 1 },
    tags: { kind: 'portolan', role: 'agent', host: name, version: '1' },
    status,
    statusSince: Date.now(),
    incarnation: 1,
    versions: new Uint8Array(6),
  });
  tell(status === 'alive' ? 'join' : 'failed');
}

function reserve(service: string, host: string) {
  const request = { project: 'shop', service, ttl: 3_600, host };
  return coordinator.reserver.reserve(ReserveRequest.parse(request), { probe: false });
}

/** Has it seen on port 3026 of a host, and waits for that. */
async function listens(host: string, service: string): Promise<void> {
  const listener: HostListener = {
    host,
    protocol: 'tcp',
    address: '0.0.0.0',
    port: 3026,
    netns: 'host',
    v6only: null,
    socket: '1',
    process: null,
    container: null,
    identity: {
      service: `mana/${service}`,
      label: null,
      instance: null,
      evidence: { kind: 'systemd', detail: service },
    },
    since: new Date().toISOString(),
  };
  const { host: _, ...reported } = listener;
  const digest = new SetDigest();
  digest.toggle(listenerFingerprint(reported));
  await coordinator.hosts.report(host, { ...EMPTY, puts: [reported], digest: digest.toString() });
}

/** Gossip as this test says it is. */
function fakeCluster(): SheetCluster {
  const listeners = new Set<(event: GossipEvent) => void>();
  tell = (type) => {
    for (const listener of listeners) listener({ type } as GossipEvent);
  };
  return {
    gossip: { members: () => [...members.values()], member: (name: string) => members.get(name) },
    sheets: { publish() {}, patch: () => 0, disown() {} },
    onEvent(listener: (event: GossipEvent) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as SheetCluster;
}
