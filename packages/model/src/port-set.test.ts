import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PortSet } from './port-set.ts';

/** Ports crowd around the ends of words and of the whole, where mistakes live. */
const port = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 65_400, max: 65_535 }),
  fc.constantFrom(0, 31, 32, 63, 64, 65_503, 65_504, 65_535),
);
const interval = fc.tuple(port, port).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const shortInterval = fc
  .tuple(port, fc.integer({ min: 0, max: 100 }))
  .map(([from, more]) => ({ from, to: Math.min(65_535, from + more) }));
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), port }),
  fc.record({ do: fc.constant('delete' as const), port }),
  fc.record({ do: fc.constant('addInterval' as const), interval: shortInterval }),
);

/** The bitmap and a plain Set after the same steps. */
const both = fc.array(step, { maxLength: 60 }).map((steps) => {
  const ports = new PortSet();
  const plain = new Set<number>();
  for (const one of steps) {
    if (one.do === 'addInterval') {
      ports.addInterval(one.interval.from, one.interval.to);
      for (let p = one.interval.from; p <= one.interval.to; p++) plain.add(p);
    } else {
      ports[one.do](one.port);
      plain[one.do](one.port);
    }
  }
  return { ports, plain };
});

describe('a port set', () => {
  test('holds what a plain set holds, in ascending order', () =>
    fc.assert(
      fc.property(both, port, ({ ports, plain }, probe) => {
        expect([...ports]).toEqual([...plain].sort((a, b) => a - b));
        expect(ports.size).toBe(plain.size);
        expect(ports.has(probe)).toBe(plain.has(probe));
      }),
    ));

  test('finds the next free port, and counts the free ones, as a plain search does', () =>
    fc.assert(
      fc.property(both, interval, ({ ports, plain }, { from, to }) => {
        const free = [];
        for (let p = from; p <= to; p++) if (!plain.has(p)) free.push(p);
        expect(ports.nextFree(from, to)).toBe(free[0] ?? -1);
        expect(ports.countFree(from, to)).toBe(free.length);
      }),
    ));

  test('finds the lowest free run that ends within the interval, as a plain search does', () =>
    fc.assert(
      fc.property(both, shortInterval, fc.integer({ min: 1, max: 70 }), ({ ports, plain }, { from, to }, length) => {
        const isFree = (start: number) => Array.from({ length }, (_, i) => start + i).every((p) => !plain.has(p));
        let lowest = -1;
        for (let p = to - length + 1; p >= from; p--) if (isFree(p)) lowest = p;
        expect(ports.nextFreeRun(from, to, length)).toBe(lowest);
      }),
    ));

  test('finds nothing in an interval that is full or upside down', () => {
    const ports = new PortSet();
    ports.addInterval(0, 65_535);
    expect(ports.size).toBe(65_536);
    expect(ports.nextFree(0, 65_535)).toBe(-1);
    expect(ports.nextFreeRun(0, 65_535, 1)).toBe(-1);
    ports.clear();
    expect(ports.size).toBe(0);
    expect(ports.nextFree(65_536, 65_535)).toBe(-1);
    expect(ports.nextFreeRun(0, 65_535, 65_536)).toBe(0);
  });

  test('is made of the ports given', () => {
    expect([...new PortSet([5556, 5554, 5556])]).toEqual([5554, 5556]);
  });
});
