import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Outage } from './outage.ts';

test('an outage is told when it begins and when it ends, not in between', () => {
  const told: { msg: string; reason?: string; seconds?: number }[] = [];
  const logger = pino({}, { write: (line: string) => told.push(JSON.parse(line)) });
  const outage = new Outage(logger, 'it fails', 'it works again');
  outage.worked();
  expect(told).toEqual([]);
  for (const reason of ['refused', 'refused', 'silent']) outage.failed(new Error(reason));
  expect(told).toMatchObject([{ msg: 'it fails', reason: 'refused' }]);
  outage.worked();
  outage.worked();
  outage.failed('gone');
  expect(told.slice(1)).toMatchObject([
    { msg: 'it works again', seconds: expect.any(Number) },
    { msg: 'it fails', reason: 'gone' },
  ]);
});
