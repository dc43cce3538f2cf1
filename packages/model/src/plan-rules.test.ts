import { describe, expect, test } from 'vitest';
import { isWide } from './address.ts';
import { planFindingKinds, Verdict } from './finding.ts';
import type { Health } from './health.ts';
import type { Host } from './host.ts';
import type { HostListener } from './listener.ts';
import { type PlannedService, PlanService } from './plan.ts';
import { judgePlanned, type PlannedFacts, plannedServiceOf } from './plan-rules.ts';
import { LINUX_EPHEMERAL, type Range } from './range.ts';

const since = '2026-11-20T08:00:00.000Z';

const host = (id: string, over: Partial<Host> = {}): Host => ({
  id,
  name: `host-${id}`,
  addresses: [],
  platform: 'linux',
  agentVersion: '1',
  ephemeral: LINUX_EPHEMERAL,
  blindSpots: [],
  state: 'alive',
  stateSince: since,
  ...over,
});

let sockets = 0;
function listener(port: number, over: Partial<HostListener> & { label?: string; by?: 'command' | 'systemd' } = {}) {
  const { label = null, by = 'systemd', ...rest } = over;
  const whole: HostListener = {
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket: String(++sockets),
    process: null,
    container: null,
    identity: { service: 'mana/sync', label, instance: null, evidence: { kind: by, detail: 'x' } },
    since,
    host: 'a',
    ...rest,
  };
  return whole;
}

function planned(over: Parameters<typeof PlanService.parse>[0] = {}): PlannedService {
  const endpoints = [{ label: 'api', port: 3050 }];
  return { project: 'mana', ...PlanService.parse({ name: 'sync', endpoints, ...(over as object) }) };
}

function judge({
  service = planned(),
  own = [],
  others = [],
  hosts = [host('a'), host('b')],
  ...rest
}: Partial<PlannedFacts> & { others?: HostListener[]; hosts?: Host[] } = {}): Verdict[] {
  const listeners = [...own, ...others];
  const verdicts = judgePlanned({
    service,
    ports: service.endpoints.flatMap((endpoint) =>
      typeof endpoint.port === 'number' ? [{ endpoint, port: endpoint.port }] : [],
    ),
    own,
    on: (protocol, port) => listeners.filter((each) => each.protocol === protocol && each.port === port),
    ranges: [],
    health: [],
    host: (id) => hosts.find((each) => each.id === id || each.name === id),
    watched: true,
    ...rest,
  });
  for (const verdict of verdicts) {
    expect(Verdict.safeParse(verdict).error).toBeUndefined();
    expect(planFindingKinds).toContain(verdict.kind);
    expect(plannedServiceOf(verdict.id)).toBe('mana/sync');
    expect(verdict.remedies.length).toBeGreaterThan(0);
  }
  return verdicts;
}

const kinds = (verdicts: readonly Verdict[]) => verdicts.map(({ kind }) => kind);

describe('drift', () => {
  test('is a service that listens, and nowhere on a port of its plan', () => {
    const [verdict] = judge({ own: [listener(3060)] });
    expect(verdict).toMatchObject({
      id: 'drift:mana/sync:api',
      kind: 'drift',
      severity: 'warning',
      port: 3050,
      summary: 'mana/sync:api is planned on tcp port 3050, but mana/sync on host-a listens on 3060.',
    });
    expect(verdict!.parties.map(({ claim, host }) => [claim, host?.name])).toEqual([
      ['declared', undefined],
      ['observed', 'host-a'],
    ]);
    expect(judge({ service: planned({ status: 'required' }), own: [listener(3060)] })).toMatchObject([
      { kind: 'drift', severity: 'error' },
    ]);
  });

  test('is told of the host where it is so, be it right on another', () => {
    const [verdict] = judge({ own: [listener(3050), listener(3060, { host: 'b' })] });
    expect(verdict!.summary).toContain('host-b');
    expect(verdict!.summary).not.toContain('host-a');
  });

  test('is not a further port of a service that is where it should be', () => {
    expect(judge({ own: [listener(3050), listener(9229)] })).toEqual([]);
    const two = planned({
      endpoints: [
        { label: 'api', port: 3050 },
        { label: 'health', port: 3051 },
      ],
    });
    expect(judge({ service: two, own: [listener(3050), listener(9229)] })).toEqual([]);
  });

  test('is a labelled port in another place, though the others are in theirs', () => {
    const service = planned({
      endpoints: [
        { label: 'api', port: 3050 },
        { label: 'health', port: 3051 },
      ],
    });
    const own = [listener(3050, { label: 'api' }), listener(3099, { label: 'health' })];
    expect(judge({ service, own })).toMatchObject([{ id: 'drift:mana/sync:health', port: 3051 }]);
  });

  test('is no port that a kernel chose, no client, nothing inside a container, and no other protocol', () => {
    const inside = { netns: 'net:[1]', container: { id: 'c', name: 'c', image: null, publishes: null } };
    for (const other of [
      listener(40_000, { by: 'command' }),
      listener(40_001, { protocol: 'udp' }),
      listener(3060, inside),
      listener(3060, { protocol: 'udp' }),
    ]) {
      expect(judge({ own: [other] })).toEqual([]);
    }
  });
});

describe('not-listening', () => {
  const required = planned({ status: 'required' });

  test('is a required service on whose port nobody listens', () => {
    expect(judge({ service: required })).toMatchObject([
      {
        id: 'not-listening:mana/sync:api',
        severity: 'error',
        port: 3050,
        summary: 'mana/sync:api is required, and nobody listens on tcp port 3050 anywhere.',
      },
    ]);
    expect(judge({ service: required, own: [listener(3050)] })).toEqual([]);
  });

  test('is not said of what is optional, of what shall not run, or where no agent looks', () => {
    expect(judge({ service: planned() })).toEqual([]);
    expect(judge({ service: planned({ status: 'required', replicas: 0 }) })).toEqual([]);
    expect(judge({ service: required, watched: false })).toEqual([]);
  });

  test('is not said where anybody listens, for that may be it under another name', () => {
    const identity = { service: 'unknown/x', label: null, instance: null, evidence: { kind: 'command', detail: '' } };
    expect(judge({ service: required, others: [listener(3050, { identity: identity as never })] })).toEqual([]);
  });

  test('is said of each host that it is planned for and that is looked at', () => {
    const service = planned({ status: 'required', hosts: ['host-a', 'b', 'c', 'unheard-of'] });
    const hosts = [host('a'), host('b'), host('c', { state: 'unreachable' })];
    const [verdict] = judge({ service, hosts, own: [listener(3050)] });
    expect(verdict!.summary).toContain('on host-b.');
    expect(verdict!.parties).toMatchObject([{ claim: 'declared', host: { id: 'b' } }]);
  });

  test('gives way to drift, which says more', () => {
    expect(kinds(judge({ service: required, own: [listener(3060)] }))).toEqual(['drift']);
  });
});

describe('a port in the wrong place', () => {
  const range = (name: string, from: number, to: number, owner: string | null): Range => ({
    name,
    from,
    to,
    owner,
    purpose: '',
    policy: 'allocate',
  });
  const [own, foreign, common] = [
    range('m', 4000, 4099, 'mana'),
    range('s', 3000, 3099, 'shop'),
    range('c', 3000, 3099, null),
  ];

  test('lies in a block of another project', () => {
    expect(judge({ ranges: [own, foreign] })).toMatchObject([
      { id: 'wrong-block:mana/sync:api', kind: 'wrong-block', summary: expect.stringContaining('the project shop') },
    ]);
  });

  test('lies outside all ranges of its project, or outside the one that its plan names', () => {
    expect(judge({ ranges: [own] })).toMatchObject([
      { kind: 'out-of-range', summary: expect.stringContaining('the ranges of the project mana (4000-4099)') },
    ]);
    for (const wanted of ['m', '4000-4099', { from: 4000, to: 4099 }]) {
      const service = planned({ endpoints: [{ label: 'api', port: 3050, range: wanted }] });
      expect(kinds(judge({ service, ranges: [own, common] }))).toEqual(['out-of-range']);
    }
  });

  test('is none where nothing says where it should be', () => {
    expect(judge({ ranges: [] })).toEqual([]);
    expect(judge({ ranges: [own, common] })).toEqual([]);
    expect(judge({ ranges: [range('m', 3000, 3099, 'mana')] })).toEqual([]);
    const service = planned({ endpoints: [{ label: 'http', port: 443 }] });
    expect(judge({ service, ranges: [own] })).toEqual([]);
  });
});

test('health that fails is one finding for all hosts', () => {
  const failing = (id: string, state: Health['state']): Health => ({
    host: id,
    service: 'mana/sync',
    label: 'api',
    check: { kind: 'http', port: 3050, path: '/health', name: null },
    state,
    code: 503,
    ms: 2,
    detail: 'answered 503',
    since,
  });
  const own = [listener(3050), listener(3050, { host: 'b' })];
  expect(judge({ own, health: [failing('a', 'failing'), failing('b', 'failing')] })).toMatchObject([
    {
      id: 'health-failing:mana/sync:api',
      summary: 'mana/sync:api fails its health check on host-a, host-b (GET /health on port 3050: answered 503).',
    },
  ]);
  expect(judge({ own, health: [failing('a', 'passing'), failing('b', 'unknown')] })).toEqual([]);
});

describe('exposed', () => {
  const service = planned({ internalOnly: true });

  test('is an internal service at all addresses or a public one, with each port', () => {
    const own = [listener(3050), listener(3051, { address: '203.0.113.7' }), listener(3052, { address: '10.0.0.7' })];
    expect(judge({ service, own })).toMatchObject([
      { id: 'exposed:mana/sync:tcp:3050', severity: 'error', port: 3050 },
      { id: 'exposed:mana/sync:tcp:3051', port: 3051 },
    ]);
  });

  test('is a container that publishes, and not one that does not', () => {
    const container = { id: 'c', name: 'c', image: null, publishes: 80 };
    expect(kinds(judge({ service, own: [listener(3050, { container })] }))).toEqual(['exposed']);
    const own = [listener(3050, { netns: 'net:[1]', container: { ...container, publishes: null } })];
    expect(judge({ service, own })).toEqual([]);
  });

  test('is not said of what may be reached', () => {
    expect(judge({ own: [listener(3050)] })).toEqual([]);
    expect(judge({ service, own: [listener(3050, { address: '127.0.0.1' })] })).toEqual([]);
  });
});

test('wide is what lies beyond the networks of its owner', () => {
  for (const wide of ['0.0.0.0', '::', '203.0.113.7', '172.32.0.1', '100.128.0.1', '2001:db8::1', '::ffff:8.8.8.8']) {
    expect(isWide(wide), wide).toBe(true);
  }
  for (const near of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.1.1',
    '100.64.0.1',
    'fe80::1%eth0',
    'fd00::1',
    '::ffff:127.0.0.1',
  ]) {
    expect(isWide(near), near).toBe(false);
  }
});
