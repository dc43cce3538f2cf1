import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMember, isUp, type Member } from './member.ts';
import { createCensus, Members } from './members.ts';
import { BARE_VERSIONS } from './versions.ts';

test('a table that began with a census behaves as one that was told of all its members', () => {
  const change = fc.record({
    name: fc.integer({ min: 0, max: 11 }),
    state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
  });
  const step = fc.oneof({ weight: 5, arbitrary: change }, { weight: 1, arbitrary: fc.constant('reap') });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8 }), fc.array(step), (n, steps) => {
      const begun = Array.from({ length: n }, (_, i) => member(i, 'alive'));
      const census = createCensus(begun);
      const shared = new Members(census);
      const told = new Map(begun.map((one) => [one.name, one]));
      for (const each of steps) {
        if (each === 'reap') {
          const gone = shared.remove((one) => !isUp(one));
          expect(new Set(gone)).toEqual(new Set([...told.values()].filter((one) => !isUp(one))));
          for (const { name } of gone) told.delete(name);
        } else {
          const next = member(each.name, each.state);
          shared.put(next);
          told.set(next.name, next);
        }
        expect([...shared].map(({ name }) => name).sort()).toEqual([...told.keys()].sort());
        for (const [name, one] of told) expect(shared.get(name)).toBe(one);
        expect(shared.size).toBe(told.size);
        expect(shared.up).toBe([...told.values()].filter(isUp).length);
      }
      expect(census.members).toEqual(begun);
    }),
    { numRuns: 300 },
  );
});

function member(index: number, state: Member['state']): Member {
  const told = { name: `m${index}`, addr: Uint8Array.of(10, 0, 0, index), port: 1, meta: new Uint8Array(0) };
  return createMember({ ...told, incarnation: 1, state, vsn: BARE_VERSIONS }, 0)!;
}
