import { expect, test } from 'vitest';
import { seededRandom } from '../sim/seeded-random.ts';
import { createMember, type Member } from './member.ts';
import { createCensus, Members } from './members.ts';
import { below, drawMembers } from './random.ts';
import { BARE_VERSIONS } from './versions.ts';

const random = seededRandom(3);

test('whole numbers are below their limit, and all of them come', () => {
  const drawn = new Set(Array.from({ length: 200 }, () => below(5, random)));
  expect(drawn).toEqual(new Set([0, 1, 2, 3, 4]));
});

test.each([6, 100])('of %d members it draws different ones that are suitable', (n) => {
  const members = table(n);
  for (let i = 0; i < 50; i++) {
    const drawn = drawMembers(members, 3, random, ({ port }) => port > 1);
    expect(new Set(drawn).size).toBe(3);
    expect(drawn.every(({ port }) => port > 1)).toBe(true);
  }
});

test('among few it finds all that there are', () => {
  const members = table(8);
  for (let i = 0; i < 50; i++) expect(drawMembers(members, 3, random, ({ port }) => port < 3)).toHaveLength(2);
});

test('where nobody is suitable it gives up', () => {
  expect(drawMembers(table(100), 3, random, () => false)).toEqual([]);
});

/** Their ports count from one. */
function table(n: number): Members {
  return new Members(createCensus(Array.from({ length: n }, (_, i) => member(i))));
}

function member(index: number): Member {
  const told = { name: `m${index}`, addr: Uint8Array.of(10, 0, 0, index), port: index + 1, meta: new Uint8Array(0) };
  return createMember({ ...told, incarnation: 1, state: 'alive', vsn: BARE_VERSIONS }, 0)!;
}
