import { describe, expect, test } from 'vitest';
import {
  Endpoint,
  formatEndpoint,
  formatPorts,
  Name,
  parseEndpoint,
  parseServiceId,
  ServiceId,
  sameService,
  serviceId,
} from './identity.ts';

describe('a service', () => {
  test('is written project/name and read back', () => {
    const id = serviceId({ project: 'mana', service: 'mana-sync' });
    expect(id).toBe('mana/mana-sync');
    expect(parseServiceId(id)).toEqual({ project: 'mana', service: 'mana-sync' });
  });

  test.each(['mana', 'mana/', '/sync', 'a/b/c', 'a b/c', '../x/y', '-a/b'])('is not written %j', (text) => {
    expect(ServiceId.safeParse(text).success).toBe(false);
  });

  test('of an unknown project is the same as any of its name', () => {
    expect(sameService('mana/mana-sync', 'mana/mana-sync')).toBe(true);
    expect(sameService('unknown/mana-sync', 'mana/mana-sync')).toBe(true);
    expect(sameService('mana/mana-sync', 'unknown/mana-sync')).toBe(true);
    expect(sameService('mana/mana-sync', 'sv/mana-sync')).toBe(false);
    expect(sameService('unknown/mana-sync', 'mana/mana-voice-bot')).toBe(false);
  });
});

test.each(['', '.hidden', '_x', 'a/b', 'a:b', 'a#2', 'ä', 'x'.repeat(64)])('%j is no name', (text) => {
  expect(Name.safeParse(text).success).toBe(false);
});

test('an endpoint is written with its label, and with its number from the second instance on', () => {
  const endpoint = Endpoint.parse({ project: 'mana', service: 'mana-sync', label: 'api', instance: 1 });
  expect(formatEndpoint(endpoint)).toBe('mana/mana-sync:api');
  expect(formatEndpoint({ ...endpoint, instance: 2 })).toBe('mana/mana-sync:api#2');
  expect(parseEndpoint('mana/mana-sync:api')).toEqual(endpoint);
  expect(parseEndpoint('mana/mana-sync:api#2')).toEqual({ ...endpoint, instance: 2 });
});

test.each(['', 'mana/sync', 'mana/sync:', 'sync:api', 'mana/sync:api#', 'mana/sync:api#0', 'mana/sync:a b'])(
  '%j is no endpoint',
  (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  },
);

test('a process is written with its one port, or with all of them labelled', () => {
  expect(formatPorts('portos-server', [{ label: 'api', port: 5554 }])).toBe('portos-server:5554');
  const ports = [
    { label: 'cdp', port: 5556 },
    { label: 'health', port: 5557 },
  ];
  expect(formatPorts('portos-browser', ports)).toBe('portos-browser (cdp:5556,health:5557)');
  expect(formatPorts('portos-cron', [])).toBe('portos-cron');
});

test('neighbouring ports of one label are written as a run, and of very many runs the first', () => {
  const ports = (label: string, numbers: readonly number[]) => numbers.map((port) => ({ label, port }));
  const run = Array.from({ length: 2_000 }, (_, at) => 40_000 + at);
  expect(formatPorts('lst', ports('tcp', run))).toBe('lst (tcp:40000-41999)');
  expect(formatPorts('lst', [...ports('api', [5, 6]), ...ports('tcp', [7, 9])])).toBe('lst (api:5-6,tcp:7,tcp:9)');
  const gaps = formatPorts(
    'lst',
    ports(
      'tcp',
      run.filter((port) => port % 2 === 0),
    ),
    7,
  );
  expect(gaps).toMatch(/^lst \(tcp:40000,.*tcp:40022\) and 995 more$/);
  expect(formatPorts('lst', ports('tcp', [5]), 3)).toBe('lst:5 and 3 more');
});
