import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Obstacle } from './api.ts';
import { type Availability, choosePorts, type Wish } from './choose.ts';
import type { Interval } from './port.ts';
import { PortSet } from './port-set.ts';

const wish = (parts: Partial<Wish>): Wish => ({
  count: 1,
  maxAttempts: 100,
  intervals: [],
  avoid: [],
  order: 'lowest',
  start: 0,
  ...parts,
});

/** Taken ports with their reason, and ports in the taken set that this caller may have all the same. */
function availability(taken: Iterable<number>, own: Iterable<number> = [], reason: Obstacle['reason'] = 'assigned') {
  const ports = new PortSet(taken);
  const mine = new Set(own);
  return {
    taken: ports,
    obstacle: (port: number): Obstacle | null =>
      ports.has(port) && !mine.has(port) ? { port, reason, detail: 'taken', by: 'mana/mana-sync' } : null,
  } satisfies Availability;
}

describe('an exact port', () => {
  test('is given when nothing is in the way', () => {
    expect(choosePorts(wish({ exact: 3050 }), availability([3051]))).toEqual({
      ok: true,
      candidates: [3050],
      attempts: 1,
      obstacle: null,
    });
  });

  test('is given though it counts as taken, when only its own service was observed on it', () => {
    expect(choosePorts(wish({ exact: 3050 }), availability([3050], [3050]))).toMatchObject({ candidates: [3050] });
  });

  test('is refused with what is in the way and three ports nearby', () => {
    expect(choosePorts(wish({ exact: 3050 }), availability([3050, 3052]))).toEqual({
      ok: false,
      reason: 'port-taken',
      attempts: 1,
      obstacle: { port: 3050, reason: 'assigned', detail: 'taken', by: 'mana/mana-sync' },
      suggestions: [3051, 3053, 3054],
    });
  });

  test('is refused as blocked when a block is in the way', () => {
    expect(choosePorts(wish({ exact: 3050 }), availability([3050], [], 'blocked'))).toMatchObject({
      reason: 'port-blocked',
    });
  });

  test('begins a block, and a taken port within it refuses the whole block and suggests whole ones', () => {
    expect(choosePorts(wish({ exact: 5554, count: 3 }), availability([]))).toMatchObject({ candidates: [5554] });
    expect(choosePorts(wish({ exact: 5554, count: 3 }), availability([5556]))).toMatchObject({
      ok: false,
      obstacle: { port: 5556 },
      suggestions: [5557, 5560, 5563],
    });
  });

  test('cannot begin a block that would end after 65535', () => {
    expect(choosePorts(wish({ exact: 65_534, count: 3 }), availability([]))).toMatchObject({
      ok: false,
      reason: 'port-taken',
      obstacle: { port: 65_534, reason: 'unbindable' },
    });
  });

  test('suggests ports of the range asked for before others', () => {
    const taken = [5000, 5001, 5002, 5003];
    const asked = wish({ exact: 5003, intervals: [{ from: 5000, to: 5004 }] });
    expect(choosePorts(asked, availability(taken))).toMatchObject({ suggestions: [5004, 5005, 5006] });
  });
});

describe('a preferred port', () => {
  test('comes first, then the ports after it', () => {
    expect(choosePorts(wish({ preferred: 65_001 }), availability([]))).toMatchObject({
      candidates: [65_001],
      attempts: 1,
      obstacle: null,
    });
    expect(choosePorts(wish({ preferred: 65_001 }), availability([65_001, 65_002]))).toMatchObject({
      candidates: [65_003],
      attempts: 3,
      obstacle: { port: 65_001 },
    });
  });

  test('goes round within its interval, then on to the others', () => {
    const intervals = [
      { from: 7000, to: 7009 },
      { from: 5000, to: 5002 },
    ];
    const preferring = wish({ preferred: 5001, intervals, wanted: 5 });
    expect(choosePorts(preferring, availability([]))).toMatchObject({ candidates: [5001, 5002, 5000, 7000, 7001] });
  });

  test('of a block is followed by the nearest blocks that do not touch it', () => {
    const preferring = wish({ preferred: 5001, count: 2, intervals: [{ from: 5000, to: 5006 }], wanted: 4 });
    expect(choosePorts(preferring, availability([]))).toMatchObject({ candidates: [5001, 5003, 5005] });
  });

  test('does not go round without intervals', () => {
    expect(choosePorts(wish({ preferred: 65_535 }), availability([65_535]))).toMatchObject({
      ok: false,
      reason: 'range-exhausted',
      attempts: 1,
    });
  });

  test('is followed by no more than maxAttempts ports, itself included', () => {
    const taken = availability([3050, 3051, 3052]);
    expect(choosePorts(wish({ preferred: 3050, maxAttempts: 3 }), taken)).toEqual({
      ok: false,
      reason: 'range-exhausted',
      attempts: 3,
      obstacle: taken.obstacle(3050),
      suggestions: [3053, 3054, 3055],
    });
    expect(choosePorts(wish({ preferred: 3050, maxAttempts: 4 }), taken)).toMatchObject({ candidates: [3053] });
  });

  test('skips an ephemeral range, unless it lies in it', () => {
    const avoid = [{ from: 32_768, to: 60_999 }];
    expect(choosePorts(wish({ preferred: 32_767, avoid }), availability([32_767]))).toMatchObject({
      candidates: [61_000],
      attempts: 2,
    });
    expect(choosePorts(wish({ preferred: 41_000, avoid }), availability([41_000]))).toMatchObject({
      candidates: [41_001],
    });
  });
});

describe('a range', () => {
  test('that lies wholly in an ephemeral range is used all the same', () => {
    const asked = wish({ intervals: [{ from: 41_000, to: 41_399 }], avoid: [{ from: 32_768, to: 60_999 }] });
    expect(choosePorts(asked, availability([41_000]))).toMatchObject({ candidates: [41_001] });
  });

  test('that is full is refused, and what lies after it suggested', () => {
    const asked = wish({ intervals: [{ from: 5000, to: 5002 }] });
    expect(choosePorts(asked, availability([5000, 5001, 5002, 5004]))).toEqual({
      ok: false,
      reason: 'range-exhausted',
      attempts: 3,
      obstacle: null,
      suggestions: [5003, 5005, 5006],
    });
  });

  test('suggests nothing that the caller may not have though it is free', () => {
    const free = availability([5000]);
    const theirs = (port: number): Obstacle | null =>
      port <= 5100 ? { port, reason: 'blocked', detail: 'of another project', by: null } : null;
    const asked = wish({ intervals: [{ from: 5000, to: 5000 }] });
    expect(choosePorts(asked, { ...free, obstacle: theirs })).toMatchObject({ suggestions: [5101, 5102, 5103] });
  });

  test('gives nothing when there is none', () => {
    expect(choosePorts(wish({}), availability([]))).toMatchObject({
      ok: false,
      reason: 'range-exhausted',
      attempts: 0,
    });
  });
});

describe('whatever is taken and wished', () => {
  const small = fc.integer({ min: 2000, max: 2060 });
  const disjoint = fc
    .uniqueArray(small, { minLength: 2, maxLength: 6 })
    .map((ends) => ends.sort((a, b) => a - b))
    .map((ends) =>
      ends.flatMap((from, i): Interval[] => (i % 2 === 0 && ends[i + 1] ? [{ from, to: ends[i + 1]! }] : [])),
    )
    .chain((intervals) => fc.shuffledSubarray(intervals, { minLength: 1 }));
  const anyWish = fc.record({
    count: fc.integer({ min: 1, max: 5 }),
    preferred: fc.option(small, { nil: undefined }),
    maxAttempts: fc.integer({ min: 1, max: 80 }),
    intervals: disjoint,
    avoid: fc.oneof(fc.constant([]), disjoint),
    order: fc.constantFrom('lowest' as const, 'spread' as const),
    start: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    wanted: fc.integer({ min: 1, max: 4 }),
  });
  const anyTaken = fc.uniqueArray(small, { maxLength: 61 });

  const block = (start: number, count: number) => Array.from({ length: count }, (_, i) => start + i);
  /** All starts of free blocks within one of the intervals, by looking at each. */
  function allStarts({ intervals, count }: Wish, taken: readonly number[]): number[] {
    const used = new Set(taken);
    return intervals
      .flatMap(({ from, to }) => block(from, Math.max(0, to - count + 2 - from)))
      .filter((start) => block(start, count).every((port) => !used.has(port)));
  }
  const touches = (start: number, count: number, intervals: readonly Interval[]) =>
    intervals.some(({ from, to }) => start <= to && start + count - 1 >= from);

  test('candidates are free, contiguous, within one interval, disjoint, and the same for the same wish', () =>
    fc.assert(
      fc.property(anyWish, anyTaken, (any, taken) => {
        const choice = choosePorts(any, availability(taken));
        expect(choosePorts(any, availability(taken))).toEqual(choice);
        if (!choice.ok) return;
        const { candidates } = choice;
        const starts = new Set(allStarts(any, taken));
        for (const start of candidates) {
          if (start === any.preferred) expect(block(start, any.count).some((port) => taken.includes(port))).toBe(false);
          else expect(starts.has(start)).toBe(true);
        }
        const ports = candidates.flatMap((start) => block(start, any.count));
        expect(new Set(ports).size).toBe(ports.length);
        expect(candidates.length).toBeLessThanOrEqual(any.wanted);
      }),
    ));

  test('one is found if and only if there is one', () =>
    fc.assert(
      fc.property(anyWish, anyTaken, (any, taken) => {
        const unlimited = { ...any, maxAttempts: 65_535 };
        const preferred = any.preferred;
        const canHave = preferred !== undefined && !block(preferred, any.count).some((port) => taken.includes(port));
        const exists = canHave || allStarts(any, taken).length > 0;
        expect(choosePorts(unlimited, availability(taken)).ok).toBe(exists);
      }),
    ));

  test('the lowest is the lowest of the first interval that has one, ephemeral ports last', () =>
    fc.assert(
      fc.property(anyWish, anyTaken, (any, taken) => {
        const lowest = { ...any, preferred: undefined, order: 'lowest' as const };
        const choice = choosePorts(lowest, availability(taken));
        const starts = allStarts(lowest, taken);
        const expected = starts.find((start) => !touches(start, any.count, any.avoid)) ?? starts[0];
        expect(choice.ok ? choice.candidates[0] : undefined).toBe(expected);
      }),
    ));

  test('a spread reaches every free start of its interval, whatever place it begins at', () =>
    fc.assert(
      fc.property(anyTaken, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (taken, start) => {
        const asked = wish({ intervals: [{ from: 2000, to: 2060 }], order: 'spread', start, wanted: 100 });
        const choice = choosePorts(asked, availability(taken));
        const found = choice.ok ? [...choice.candidates].sort((a, b) => a - b) : [];
        expect(found).toEqual(allStarts(asked, taken));
      }),
    ));

  test('attempts stay within maxAttempts after a preferred port, and within the intervals without one', () =>
    fc.assert(
      fc.property(anyWish, anyTaken, (any, taken) => {
        const { attempts } = choosePorts(any, availability(taken));
        const size = any.intervals.reduce((sum, { from, to }) => sum + to - from + 1, 0);
        expect(attempts).toBeLessThanOrEqual(any.preferred === undefined ? size : any.maxAttempts);
      }),
    ));

  test('suggestions are free for the caller', () =>
    fc.assert(
      fc.property(anyWish, anyTaken, small, (any, taken, exact) => {
        const choice = choosePorts({ ...any, preferred: undefined, exact }, availability(taken));
        if (choice.ok) return;
        expect(choice.suggestions).toHaveLength(3);
        for (const start of choice.suggestions) {
          expect(block(start, any.count).some((port) => taken.includes(port))).toBe(false);
        }
      }),
    ));
});

test('spreads of different beginnings begin at different ports', () => {
  const at = (start: number) =>
    choosePorts(wish({ intervals: [{ from: 41_000, to: 41_399 }], order: 'spread', start }), availability([]));
  expect(at(0)).toMatchObject({ candidates: [41_000] });
  expect(at(0.5)).toMatchObject({ candidates: [41_200] });
  expect(at(0.999)).toMatchObject({ candidates: [41_399] });
});

test('spread blocks begin at multiples of their size, so that they leave no gaps', () => {
  const asked = wish({ intervals: [{ from: 5000, to: 5099 }], order: 'spread', start: 0.37, count: 4 });
  expect(choosePorts(asked, availability([]))).toMatchObject({ candidates: [5032] });
});
