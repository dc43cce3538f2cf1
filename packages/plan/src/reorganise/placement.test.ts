import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Item, type Placement, type Problem, place } from './placement.ts';

/** The fewest moves of all ways to give every item one of its ports; `undefined` when there is none. */
function exhaustive({ items, links, runs }: Problem): number | undefined {
  let best: number | undefined;
  const ports = new Map<string, number>();
  const holds = () =>
    links.every(({ a, b, modulus }) => ports.get(a)! % modulus === ports.get(b)! % modulus) &&
    runs.every(({ members, slots }) => {
      const own = members.map((id) => slots.indexOf(ports.get(id)!)).sort((a, b) => a - b);
      return own.every((slot, index) => slot >= 0 && slot === own[0]! + index);
    });
  const descend = (index: number, moves: number) => {
    const item = items[index];
    if (!item) {
      if (holds() && (best === undefined || moves < best)) best = moves;
      return;
    }
    for (const port of item.allowed) {
      if ([...ports.values()].includes(port)) continue;
      ports.set(item.id, port);
      descend(index + 1, moves + Number(port !== item.now));
      ports.delete(item.id);
    }
  };
  descend(0, 0);
  return best;
}

function expectValid({ items, links, runs }: Problem, { ports, moves, bound }: Placement): void {
  expect(new Set(ports.values()).size).toBe(items.length);
  for (const { id, allowed } of items) expect(allowed).toContain(ports.get(id));
  for (const { a, b, modulus } of links) expect(ports.get(a)! % modulus).toBe(ports.get(b)! % modulus);
  for (const { members, slots } of runs) {
    const own = members.map((id) => slots.indexOf(ports.get(id)!)).sort((a, b) => a - b);
    expect(own).toEqual(own.map((_, index) => own[0]! + index));
  }
  expect(moves).toBe(items.filter(({ id, now }) => ports.get(id) !== now).length);
  expect(bound).toBeLessThanOrEqual(moves);
}

const port = fc.integer({ min: 30, max: 39 });
const allowed = fc.uniqueArray(port, { minLength: 1, maxLength: 6 });
const now = fc.option(fc.integer({ min: 30, max: 59 }));

function itemsOf(parts: readonly Pick<Item, 'now' | 'allowed'>[]): Item[] {
  return parts.map((part, index) => ({ ...part, id: `s${index}` }));
}

describe('of all placements one with the fewest moves is chosen', () => {
  test('when ports only must differ', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ now, allowed }), { minLength: 1, maxLength: 6 }), (parts) => {
        const problem = { items: itemsOf(parts), links: [], runs: [] };
        const best = exhaustive(problem);
        const found = place(problem);
        if (best === undefined) {
          expect(found).toHaveProperty('impossible');
          return;
        }
        expectValid(problem, found as Placement);
        expect(found).toMatchObject({ moves: best, bound: best });
      }),
      { numRuns: 400 },
    );
  });

  test('when some share their last digits and some follow on one another', () => {
    const slots = [40, 41, 43, 44, 45, 46];
    const front = fc.record({ now, allowed: fc.constant([50, 51, 53, 54, 55, 56, 59]) });
    const back = fc.record({ now: fc.option(fc.constantFrom(...slots, 47, 53)), allowed: fc.constant(slots) });
    fc.assert(
      fc.property(
        fc.array(back, { minLength: 1, maxLength: 4 }),
        fc.array(front, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 3 }),
        fc.boolean(),
        (backs, fronts, linked, contiguous) => {
          const items = itemsOf([...backs, ...fronts]);
          const links = Array.from({ length: Math.min(linked, backs.length, fronts.length) }, (_, index) => ({
            a: `s${index}`,
            b: `s${backs.length + index}`,
            modulus: 10,
          }));
          const members = backs.map((_, index) => `s${index}`);
          const problem = { items, links, runs: contiguous ? [{ members, slots }] : [] };
          const best = exhaustive(problem);
          const found = place(problem);
          if (best === undefined) {
            expect(found).toHaveProperty('impossible');
            return;
          }
          expectValid(problem, found as Placement);
          expect(found).toMatchObject({ moves: best, bound: best });
        },
      ),
      { numRuns: 400 },
    );
  });
});

test('everybody who can stay stays, and who moves has the first port that is left', () => {
  const slots = Array.from({ length: 10 }, (_, index) => 3000 + index);
  const items = itemsOf([
    { now: 3001, allowed: slots },
    { now: 3001, allowed: slots },
    { now: 3061, allowed: slots },
    { now: null, allowed: slots },
  ]);
  const found = place({ items, links: [], runs: [] }) as Placement;
  expect(found).toMatchObject({ moves: 3, bound: 3 });
  expect([...found.ports.values()].sort()).toEqual([3000, 3001, 3002, 3003]);
});

test('a range that is too small is told', () => {
  const items = itemsOf([1, 2, 3].map((now) => ({ now, allowed: [7, 8] })));
  expect(place({ items, links: [], runs: [] })).toEqual({ impossible: ['s0', 's1', 's2'] });
});

test('four hundred services in forty ranges, half of them in pairs, are placed within seconds and to the optimum', () => {
  const items: Item[] = [];
  const links: Problem['links'][number][] = [];
  const runs: Problem['runs'][number][] = [];
  for (let range = 0; range < 20; range++) {
    const backs = Array.from({ length: 20 }, (_, slot) => 3000 + range * 100 + slot);
    const fronts = backs.map((each) => each + 20_000);
    const members: string[] = [];
    for (let index = 0; index < 10; index++) {
      // Every third strays, every fourth pair is broken.
      const stray = index % 3 === 0;
      items.push({
        id: `b${range}.${index}`,
        now: stray ? 60_000 + range * 10 + index : backs[index]!,
        allowed: backs,
      });
      items.push({ id: `f${range}.${index}`, now: fronts[index % 4 === 0 ? 19 - index : index]!, allowed: fronts });
      links.push({ a: `b${range}.${index}`, b: `f${range}.${index}`, modulus: 100 });
      members.push(`b${range}.${index}`);
    }
    if (range % 2 === 0) runs.push({ members, slots: backs });
  }
  const problem = { items, links, runs };
  const begun = performance.now();
  const found = place(problem) as Placement;
  expectValid(problem, found);
  expect(performance.now() - begun).toBeLessThan(20_000);
  expect(found.moves - found.bound).toBeLessThanOrEqual(found.moves * 0.1);
});
