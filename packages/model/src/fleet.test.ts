import { expect, test } from 'vitest';
import { key } from './entry.ts';
import { Fleet } from './fleet.ts';

const value = JSON.stringify({ by: 'x' });

test('entries of a kind that a later release writes are passed over, with all that is known kept', () => {
  const fleet = new Fleet();
  const known = key.guard('ranges');
  fleet.load({
    entries: [
      { key: 'future/1', value, version: '1.1' },
      { key: known, value, version: '1.1' },
      { key: 'constructor/1', value, version: '1.1' },
    ],
    position: '1-a',
    epoch: 1,
  });
  const { touches } = fleet.apply([
    { position: '2-b', revision: 2, epoch: 1, puts: [{ key: 'future/2', value }], deletes: ['future/1', known] },
  ]);
  expect(touches.map((touch) => touch.key)).toEqual([known]);
  expect(fleet.position).toBe('2-b');
  fleet.clear();
});
