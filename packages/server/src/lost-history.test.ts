import { type Assignment, Fleet, key, type Position } from '@portolan/model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOf, lostAssignments } from './lost-history.ts';

const assignment = (port: number): Assignment => ({
  protocol: 'tcp',
  port,
  endpoint: { project: 'p', service: `s${port}`, label: 'default', instance: 1 },
  lease: null,
  grantedAt: '2026-11-30T00:00:00.000Z',
});

function fleetOf(entries: readonly { port: number; version: string }[], position: Position, epoch: number): Fleet {
  const fleet = new Fleet();
  fleet.load({
    entries: entries.map(({ port, version }) => ({
      key: key.assignment('tcp', port),
      value: JSON.stringify(assignment(port)),
      version,
    })),
    position,
    epoch,
  });
  return fleet;
}

const lostPorts = (before: Fleet, after: Fleet, epochs: { epoch: number; after: Position }[]) =>
  lostAssignments([...before.all('assignment')], after, { position: after.position, epoch: after.epoch, epochs }).map(
    ({ value }) => value.port,
  );

test('what a restored backup lacks is lost, what it still has is not', () => {
  const before = fleetOf(
    [
      { port: 1, version: '7.1' },
      { port: 2, version: '7.2' },
      { port: 3, version: '7.3' },
    ],
    '3-3',
    7,
  );
  const rewound = fleetOf([{ port: 1, version: '7.1' }], '1-1', 7);
  expect(lostPorts(before, rewound, [])).toEqual([2, 3]);
  // The same, once a commit has begun the new epoch, and went past where the old history ended.
  const gone = fleetOf([{ port: 1, version: '7.1' }], '9-9', 8);
  expect(lostPorts(before, gone, [{ epoch: 8, after: '1-1' }])).toEqual([2, 3]);
});

test('what was released after the fork, as anything may be, is not lost', () => {
  const before = fleetOf(
    [
      { port: 1, version: '7.1' },
      { port: 2, version: '7.2' },
    ],
    '2-2',
    7,
  );
  const released = fleetOf([], '9-9', 8);
  expect(lostPorts(before, released, [{ epoch: 8, after: '1-1' }])).toEqual([2]);
});

test('where nobody knows at which place the history forked, all that is not there is told', () => {
  const before = fleetOf([{ port: 1, version: '7.1' }], '1-1', 7);
  expect(lostPorts(before, fleetOf([], '9-9', 8), [])).toEqual([1]);
});

test('what its owner was given again is not lost', () => {
  const before = fleetOf([{ port: 2, version: '7.2' }], '2-2', 7);
  const again = fleetOf([{ port: 2, version: '8.2' }], '2-5', 8);
  expect(lostPorts(before, again, [{ epoch: 8, after: '1-1' }])).toEqual([]);
});

test('of several forks the first one after the commit decides', () => {
  const history = {
    position: '50-1' as Position,
    epoch: 9,
    epochs: [
      { epoch: 5, after: '10-1' as Position },
      { epoch: 7, after: '20-1' as Position },
      { epoch: 9, after: '40-1' as Position },
    ],
  };
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 9 }), fc.integer({ min: 1, max: 60 }), (epoch, revision) => {
      const limit = epoch < 5 ? 10 : epoch < 7 ? 20 : epoch < 9 ? 40 : 50;
      expect(isOf(history, epoch, revision)).toBe(revision <= limit);
    }),
  );
});
