import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatGivenPorts, parseGivenPorts } from './environment.ts';
import { Name } from './identity.ts';

const endpoint = { project: 'mana', service: 'mana-sync', label: 'api', instance: 1 };

test('each port is told by its endpoint', () => {
  const given = [
    { endpoint, protocol: 'tcp', port: 3050 },
    { endpoint: { ...endpoint, label: 'gossip', instance: 2 }, protocol: 'udp', port: 3051 },
  ] as const;
  expect(formatGivenPorts(given)).toBe('mana/mana-sync:api=3050/tcp,mana/mana-sync:gossip#2=3051/udp');
});

test('what is told is read back', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/).filter((text) => Name.safeParse(text).success);
  const given = fc.record({
    endpoint: fc.record({
      project: name,
      service: name,
      label: name,
      instance: fc.integer({ min: 1, max: 65535 }),
    }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    port: fc.integer({ min: 1, max: 65535 }),
  });
  fc.assert(
    fc.property(fc.array(given), (all) => {
      expect(parseGivenPorts(formatGivenPorts(all))).toEqual(all);
    }),
  );
});

test.each([
  '',
  'mana/sync:api',
  'mana/sync=3050/tcp',
  'mana/sync:=3050/tcp',
  'mana/sync:api#0=3050/tcp',
  'mana/sync:api#70000=3050/tcp',
  'm a/b:c=3050/tcp',
  'mana/sync:api=0/tcp',
  'mana/sync:api=70000/tcp',
  'mana/sync:api=3050',
  'mana/sync:api=3050/sctp',
])('%j tells of no port, and does not spoil what stands beside it', (text) => {
  expect(parseGivenPorts(text)).toEqual([]);
  expect(parseGivenPorts(`${text},mana/sync:api=3050/tcp`)).toHaveLength(1);
});
