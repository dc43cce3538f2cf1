import { expect, test } from 'vitest';
import type { Assignment, RestingPort } from './assignment.ts';
import { crowdedOut } from './crowd.ts';
import { key } from './entry.ts';
import { Fleet, type FleetChange } from './fleet.ts';
import { sharesOf } from './quota.ts';

const endpoint = { project: 'greedy', service: 's', label: 'default', instance: 1 };
const assignment = (port: number, protocol: 'tcp' | 'udp' = 'tcp'): Assignment => ({
  protocol,
  port,
  endpoint,
  lease: null,
  grantedAt: '2026-11-30T00:00:00.000Z',
});
const resting = (port: number): RestingPort => ({
  protocol: 'tcp',
  port,
  endpoint,
  reason: 'expired',
  until: '2026-11-30T00:01:00.000Z',
});
const entry = (entryKey: string, decoded: unknown) => ({ key: entryKey, value: '', decoded });

let revision = 0;
function apply(fleet: Fleet, change: Partial<Pick<FleetChange, 'puts' | 'deletes'>>): void {
  revision++;
  fleet.apply([{ position: `${revision}-1`, revision, epoch: 1, puts: [], deletes: [], ...change }]);
}
const heldOf = (fleet: Fleet, range: string | null) =>
  sharesOf(fleet, 'greedy').find((share) => (share.range?.name ?? null) === range)!.held;

test('a port that rests for a project counts as its own until it rests no more', () => {
  const fleet = new Fleet();
  const ports = Array.from({ length: 200 }, (_, n) => 20_000 + n);
  apply(fleet, { puts: ports.map((port) => entry(key.assignment('tcp', port), assignment(port))) });
  expect(heldOf(fleet, 'default')).toBe(200);
  // As the reaper does when leases end.
  apply(fleet, {
    puts: ports.map((port) => entry(key.resting('tcp', port), resting(port))),
    deletes: ports.map((port) => key.assignment('tcp', port)),
  });
  expect(heldOf(fleet, 'default')).toBe(200);
  // One is taken back, and one is held on the other protocol: neither counts twice.
  apply(fleet, {
    puts: [
      entry(key.assignment('tcp', 20_000), assignment(20_000)),
      entry(key.assignment('udp', 20_001), assignment(20_001, 'udp')),
    ],
    deletes: [key.resting('tcp', 20_000)],
  });
  expect(heldOf(fleet, 'default')).toBe(200);
  apply(fleet, { deletes: ports.slice(1).map((port) => key.resting('tcp', port)) });
  expect(heldOf(fleet, 'default')).toBe(2);
});

test('what lies in no range is a field of its own', () => {
  const fleet = new Fleet();
  apply(fleet, { puts: [5_000, 30_000, 65_535].map((port) => entry(key.assignment('tcp', port), assignment(port))) });
  const share = sharesOf(fleet, 'greedy').find(({ range }) => range === null);
  expect(share).toMatchObject({
    held: 3,
    most: 27_256,
    intervals: [
      { from: 1_024, to: 19_999 },
      { from: 30_000, to: 65_535 },
    ],
  });
});

test('many sockets on each port are still those of one host', () => {
  const fleet = new Fleet();
  const field = { from: 12_000, to: 12_999 };
  const puts = Array.from({ length: 17_000 }, (_, n) => {
    const port = field.from + (n % 1_000);
    const listener = { protocol: 'tcp', address: '0.0.0.0', port, netns: 'host', socket: `${n}`, host: 'evil' };
    return entry(`listener/evil/tcp/0.0.0.0/${port}/host/${n}`, {
      ...listener,
      v6only: null,
      process: null,
      container: null,
      identity: null,
    });
  });
  apply(fleet, { puts });
  expect(crowdedOut(fleet, [field])).toHaveLength(500);
});
