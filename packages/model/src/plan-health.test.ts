import { expect, test } from 'vitest';
import { type EntryValue, key } from './entry.ts';
import { Fleet } from './fleet.ts';
import { type HostListener, listenerId } from './listener.ts';
import { HealthCheck, type PlannedService, PlanService } from './plan.ts';
import { healthDifference, isAskedByAgents, wantedHealth } from './plan-health.ts';

const now = '2026-11-21T08:00:00.000Z';

function planned(health: string, over: object = {}): PlannedService {
  const endpoints = [{ label: 'api', port: 3050, health }];
  return { project: 'mana', ...PlanService.parse({ name: 'sync', aliases: ['sync-api'], endpoints, ...over }) };
}

function fleetOf(...entries: [string, EntryValue][]): Fleet {
  const fleet = new Fleet();
  const written = entries.map(([entryKey, value]) => ({ key: entryKey, value: JSON.stringify(value), version: '1.1' }));
  fleet.load({ entries: written, position: '1-1', epoch: 1 });
  return fleet;
}

function listener(host: string, port: number, service: string | null, over: Partial<HostListener> = {}) {
  const value: HostListener = {
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket: `${host}${port}`,
    process: null,
    container: null,
    identity: service ? { service, label: null, instance: null, evidence: { kind: 'systemd', detail: '' } } : null,
    since: now,
    host,
    ...over,
  };
  return [key.listener(host, listenerId(value)), value] as [string, EntryValue];
}

const asService = (service: PlannedService) => [key.service('mana/sync'), service] as [string, EntryValue];

test('a check is wanted on each host where the service listens, by any of its names, or nobody knows who does', () => {
  const service = planned('/health?deep=1');
  const inside = { netns: 'net:[1]', container: { id: 'c', name: 'c', image: null, publishes: null } };
  const fleet = fleetOf(
    asService(service),
    listener('a', 3050, 'mana/sync'),
    listener('b', 3050, 'unknown/sync-api'),
    listener('c', 3050, null),
    listener('d', 3050, 'shop/cart'),
    listener('e', 3060, 'mana/sync'),
    listener('f', 3050, 'mana/sync', inside),
  );
  const wanted = wantedHealth(fleet, service);
  expect(wanted.map(({ host }) => host)).toEqual(['a', 'b', 'c']);
  expect(wanted[0]).toEqual({
    host: 'a',
    service: 'mana/sync',
    label: 'api',
    check: { kind: 'http', port: 3050, path: '/health?deep=1', name: null },
  });
});

test('of a URL the scheme, the path, the port and the name count', () => {
  const checkOf = (health: string, port = 3050) => {
    const service = planned(health);
    return wantedHealth(fleetOf(asService(service), listener('a', port, 'mana/sync')), service)[0]?.check;
  };
  expect(checkOf('tcp')).toEqual({ kind: 'tcp', port: 3050, path: '', name: null });
  expect(checkOf('http://localhost:3051/up', 3051)).toEqual({
    kind: 'http',
    port: 3051,
    path: '/up',
    name: 'localhost:3051',
  });
  expect(checkOf('https://sync/x?y=z')).toEqual({ kind: 'https', port: 3050, path: '/x?y=z', name: 'sync' });
  expect(checkOf('http://127.0.0.1?x')).toMatchObject({ path: '/?x' });
  expect(checkOf('http://localhost:3051/up', 3050)).toBeUndefined();
});

test('nobody is asked who is not the service on its own host, whatever the URL says', () => {
  for (const health of [
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/latest',
    'http://metadata.google.internal/computeMetadata/v1/',
    'http://example.com:3050/',
    'http://0x7f000001:3050/',
    'http://localhost.evil.example:3050/',
    'http://10.0.0.9:3050/',
  ]) {
    expect(HealthCheck.safeParse(health).success, health).toBe(true);
    const service = planned(health);
    expect(wantedHealth(fleetOf(asService(service), listener('a', 3050, 'mana/sync')), service), health).toEqual([]);
    expect(isAskedByAgents(service, health), health).toBe(false);
  }
  for (const health of [
    'http://user:secret@localhost/',
    'file:///etc/passwd',
    'gopher://localhost/',
    '/a b',
    '/a\r\nX: y',
    '',
  ]) {
    expect(HealthCheck.safeParse(health).success, health).toBe(false);
  }
});

test('a host is asked by its own name and addresses', () => {
  const service = planned('http://10.0.0.9:3050/');
  const host = {
    id: 'a',
    name: 'host-a',
    addresses: ['10.0.0.9'],
    platform: 'linux',
    agentVersion: '1',
    ephemeral: null,
    blindSpots: [],
    state: 'alive' as const,
    stateSince: now,
  };
  const fleet = fleetOf(asService(service), [key.host('a'), host], listener('a', 3050, 'mana/sync'));
  expect(wantedHealth(fleet, service)).toHaveLength(1);
});

test('what is wanted already stays as it is, what is wanted otherwise begins anew, what is not goes', () => {
  const service = planned('/health');
  const check = { kind: 'http' as const, port: 3050, path: '/health', name: null };
  const known = (host: string, over = {}) => {
    const value = {
      host,
      service: 'mana/sync',
      label: 'api',
      check: { ...check, ...over },
      state: 'passing' as const,
      code: 200,
      ms: 1,
      detail: '',
      since: now,
    };
    return [key.health(value), value] as [string, EntryValue];
  };
  const fleet = fleetOf(
    asService(service),
    listener('a', 3050, 'mana/sync'),
    listener('b', 3050, 'mana/sync'),
    known('a'),
    known('b', { path: '/old' }),
    known('gone'),
  );
  const { puts, deletes } = healthDifference(fleet, 'mana/sync', now);
  expect(puts).toMatchObject([{ key: 'health/b/mana/sync:api', value: { state: 'unknown', check } }]);
  expect(deletes).toEqual(['health/gone/mana/sync:api']);
  expect(healthDifference(fleetOf(known('a')), 'mana/sync', now)).toEqual({
    puts: [],
    deletes: ['health/a/mana/sync:api'],
  });
});
