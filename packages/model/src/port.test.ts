import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contains, formatInterval } from './interval.ts';
import { Interval, Port, parseInterval } from './port.ts';

test.each([0, -1, 65_536, 3050.5, Number.NaN, '3050', null])('%j is no port', (value) => {
  expect(Port.safeParse(value).success).toBe(false);
});

describe('an interval', () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  const interval = fc.tuple(port, port).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));

  test('is read back as it was written', () =>
    fc.assert(
      fc.property(interval, (one) => {
        expect(parseInterval(formatInterval(one))).toEqual(one);
      }),
    ));

  test('may be one port, and have spaces', () => {
    expect(parseInterval('41000')).toEqual({ from: 41_000, to: 41_000 });
    expect(parseInterval(' 41000 - 41399 ')).toEqual({ from: 41_000, to: 41_399 });
  });

  test.each(['', 'web', '41399-41000', '0-10', '1-65536', '1-2-3', '-5', '1e3', '0x10'])(
    'is not written %j',
    (text) => {
      expect(parseInterval(text)).toBeUndefined();
    },
  );

  test('runs upwards and holds both its ends', () => {
    expect(Interval.safeParse({ from: 2, to: 1 }).success).toBe(false);
    expect([4, 5, 9, 10].map((p) => contains({ from: 5, to: 9 }, p))).toEqual([false, true, true, false]);
  });
});
