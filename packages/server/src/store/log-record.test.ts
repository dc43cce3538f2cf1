import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRecord, encodeRecord, SEPARATOR } from './log-record.ts';

const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes(SEPARATOR));
const operations = fc.record({
  puts: fc.array(fc.record({ key: text, value: text }), { minLength: 1 }),
  deletes: fc.array(text),
});

test('a record reads back as it was written', () => {
  fc.assert(
    fc.property(fc.array(operations), (commits) => {
      const changes = commits.map((commit, i) => ({
        position: '90-7',
        epoch: 1_700_000_000_000,
        revision: 80 + i,
        ...commit,
      }));
      const record = { previous: '79-123', changes };
      expect(decodeRecord('90-7', encodeRecord(record))).toEqual(record);
    }),
  );
});
