import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Finding,
  type Health,
  type Listener,
  listenerFingerprint,
  type PlanInput,
  PlanRequest,
  SetDigest,
} from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Coordinator, startCoordinator } from './coordinator.ts';
import { openSqliteStore } from './store/sqlite-store.ts';

const patient = { timeout: 60_000, interval: 20 };
/** Seconds; the other delays are no longer. */
const GRACE = 0.5;

let directory: string;
let coordinator: Coordinator;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-plan-duty-'));
  const store = await openSqliteStore({ path: join(directory, 'fleet.db') });
  coordinator = await startCoordinator(store, pino({ level: 'silent' }), { grace: GRACE });
  await coordinator.hosts.join('a', {
    name: 'host-a',
    addresses: ['10.0.0.1'],
    platform: 'linux',
    agentVersion: '1',
    ephemeral: null,
    blindSpots: [],
  });
});
afterEach(async () => {
  await coordinator.stop();
  await rm(directory, { recursive: true });
});

const declare = (plan: PlanInput) => coordinator.plans.declare('mana', PlanRequest.parse(plan), { dryRun: false });

let seq = 0;
/** The host reports that just these listen on it. */
async function sees(...listeners: Listener[]): Promise<void> {
  const digest = new SetDigest();
  for (const each of listeners) digest.toggle(listenerFingerprint(each));
  const report = { seq: ++seq, previous: null, puts: listeners, deletes: [], digest: digest.toString() };
  expect((await coordinator.hosts.report('a', report)).status).toBe('accepted');
}

function listener(service: string, port: number, address = '127.0.0.1'): Listener {
  return {
    protocol: 'tcp',
    address,
    port,
    netns: 'host',
    v6only: false,
    socket: `${service}${port}`,
    process: null,
    container: null,
    identity: { service, label: null, instance: null, evidence: { kind: 'systemd', detail: '' } },
    since: '2026-01-01T00:00:00.000Z',
  };
}

const findings = () => Array.from(coordinator.fleet.all('finding'), ({ value }) => value);
const open = () =>
  findings()
    .filter(({ state }) => state !== 'resolved')
    .map(({ id }) => id)
    .sort();
const stateOf = (id: string): Finding['state'] | undefined => findings().find((each) => each.id === id)?.state;
const health = (): Health[] => Array.from(coordinator.fleet.all('health'), ({ value }) => value);
const becomes = (id: string, state: Finding['state']) => vi.waitFor(() => expect(stateOf(id)).toBe(state), patient);

const required = (port: number | 'auto', over: object = {}): PlanInput => ({
  services: [{ name: 'sync', status: 'required', endpoints: [{ label: 'api', port }], ...over }],
});

test('a required service that is away is a finding after its grace, and resolved when it is back', async () => {
  await sees(listener('mana/sync', 3050));
  await declare(required(3050));
  const since = performance.now();
  await sees();
  await becomes('not-listening:mana/sync:api', 'open');
  expect(performance.now() - since).toBeGreaterThan(GRACE * 1000 - 100);
  await sees(listener('mana/sync', 3050));
  await becomes('not-listening:mana/sync:api', 'resolved');
});

test('a restart within the grace is no finding', async () => {
  await declare(required(3050));
  await sees(listener('mana/sync', 3050));
  for (let i = 0; i < 3; i++) {
    await sees();
    await sees(listener('mana/sync', 3050));
  }
  // Another finding with the same delay shows that the time is over.
  await declare({ services: [...required(3050).services!, { ...required(3051).services![0]!, name: 'other' }] });
  await becomes('not-listening:mana/other:api', 'open');
  expect(stateOf('not-listening:mana/sync:api')).toBeUndefined();
});

test('one that comes and goes while it is a finding stays one', async () => {
  await declare(required(3050));
  await becomes('not-listening:mana/sync:api', 'open');
  const steps = () =>
    Array.from(coordinator.fleet.all('event'), ({ value }) => value)
      .filter(({ finding }) => finding.id === 'not-listening:mana/sync:api')
      .map(({ change }) => change);
  await sees(listener('mana/sync', 3050));
  await sees();
  await sees(listener('mana/sync', 3050));
  await becomes('not-listening:mana/sync:api', 'resolved');
  expect(steps()).toEqual(['opened', 'resolved']);
});

test('a service on another port than planned is drift, until either is changed', async () => {
  await declare(required(3050));
  await sees(listener('unknown/sync', 3060));
  await becomes('drift:mana/sync:api', 'open');
  expect(open()).toEqual(['drift:mana/sync:api']);
  await declare(required(3060));
  await becomes('drift:mana/sync:api', 'resolved');
  expect(open()).toEqual([]);
});

test('a port outside the ranges of its project, or in those of another, is told at once and resolved by a new plan', async () => {
  const range = (name: string, from: number) => ({
    name,
    from,
    to: from + 99,
    purpose: '',
    owner: name,
    policy: 'allocate' as const,
  });
  await coordinator.ranges.set(range('mana', 3000));
  await coordinator.ranges.set(range('shop', 4000));
  await declare({
    services: [
      {
        name: 'sync',
        endpoints: [
          { label: 'a', port: 4001 },
          { label: 'b', port: 5001 },
        ],
      },
    ],
  });
  await vi.waitFor(() => expect(open()).toEqual(['out-of-range:mana/sync:b', 'wrong-block:mana/sync:a']), patient);
  await coordinator.ranges.remove('shop');
  await becomes('wrong-block:mana/sync:a', 'resolved');
  await declare({
    services: [
      {
        name: 'sync',
        endpoints: [
          { label: 'a', port: 3001 },
          { label: 'b', port: 3002 },
        ],
      },
    ],
  });
  await vi.waitFor(() => expect(open()).toEqual([]), patient);
});

test('a service that is planned for several hosts claims its port on these, and on no other', async () => {
  await sees(listener('mana/bot', 3050));
  await declare(required(3050, { status: 'optional', hosts: ['host-b', 'host-c'] }));
  await vi.waitFor(() => {
    const [found] = findings().filter(({ state }) => state !== 'resolved');
    expect(found).toMatchObject({ id: 'collision:tcp:3050', class: 'latent', maskedBy: 'host' });
    expect(found!.parties.map(({ service, host }) => [service, host?.name])).toEqual([
      ['mana/bot', 'host-a'],
      ['mana/sync', 'host-b'],
      ['mana/sync', 'host-c'],
    ]);
  }, patient);
  await declare(required(3050, { status: 'optional', hosts: [] }));
  await becomes('squatting:tcp:3050', 'open');
  await becomes('collision:tcp:3050', 'resolved');
});

test('an internal service at all addresses is told at once', async () => {
  await declare({ services: [{ name: 'db', internalOnly: true, endpoints: [{ label: 'sql', port: 5432 }] }] });
  await sees(listener('mana/db', 5432, '0.0.0.0'));
  await becomes('exposed:mana/db:tcp:5432', 'open');
  await sees(listener('mana/db', 5432));
  await becomes('exposed:mana/db:tcp:5432', 'resolved');
});

test('a health check is wanted while its service listens, and what its agent finds becomes a finding', async () => {
  const plan: PlanInput = { services: [{ name: 'sync', endpoints: [{ label: 'api', port: 3050, health: '/up' }] }] };
  await declare(plan);
  expect(health()).toEqual([]);
  await sees(listener('mana/sync', 3050));
  await vi.waitFor(
    () => expect(health()).toMatchObject([{ host: 'a', state: 'unknown', check: { path: '/up' } }]),
    patient,
  );

  const result = { service: 'mana/sync', label: 'api', ms: 3 };
  const report = (state: 'passing' | 'failing', code: number) =>
    coordinator.healthReports.report('a', { results: [{ ...result, state, code, detail: `answered ${code}` }] });
  await report('passing', 200);
  expect(health()).toMatchObject([{ state: 'passing', code: 200, ms: 3 }]);
  const known = (await report('passing', 200)).position;
  expect((await report('passing', 204)).position, 'what is known already is not written').toBe(known);

  await report('failing', 503);
  await becomes('health-failing:mana/sync:api', 'open');
  await report('passing', 200);
  await becomes('health-failing:mana/sync:api', 'resolved');

  await report('failing', 500);
  await becomes('health-failing:mana/sync:api', 'open');
  await sees();
  await vi.waitFor(() => expect(health()).toEqual([]), patient);
  await becomes('health-failing:mana/sync:api', 'resolved');
  await coordinator.healthReports.report('a', { results: [{ ...result, state: 'failing', code: 500, detail: '' }] });
  expect(health()).toEqual([]);
});

test('a plan that is withdrawn takes its findings and health checks along', async () => {
  await declare(required(3050, { internalOnly: true, endpoints: [{ label: 'api', port: 3050, health: 'tcp' }] }));
  await sees(listener('mana/sync', 3050, '0.0.0.0'));
  await becomes('exposed:mana/sync:tcp:3050', 'open');
  await vi.waitFor(() => expect(health()).toHaveLength(1), patient);
  await declare({});
  await becomes('exposed:mana/sync:tcp:3050', 'resolved');
  await vi.waitFor(() => expect(health()).toEqual([]), patient);
});

test('of two services of one name the one whose port it is has a process that only its name tells', async () => {
  await declare(required(3050));
  await coordinator.plans.declare('shop', PlanRequest.parse(required(3051)), { dryRun: false });
  await sees(listener('unknown/sync', 3050), listener('unknown/sync', 3051), listener('unknown/sync', 3099));
  await declare({ services: [...required(3050).services!, { ...required(3052).services![0]!, name: 'late' }] });
  await becomes('not-listening:mana/late:api', 'open');
  expect(open()).toEqual(['not-listening:mana/late:api']);
});
