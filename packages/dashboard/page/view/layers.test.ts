import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeInLayers } from './layers.ts';

test('whatever needs what, each stands once, and only lines that close a circle run upwards', () => {
  const graph = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 20 }).chain((ids) =>
    fc
      .array(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 4 }), {
        minLength: ids.length,
        maxLength: ids.length,
      })
      .map((needs) => ids.map((id, i) => ({ id: String(id), needs: needs[i]!.map(String) }))),
  );
  fc.assert(
    fc.property(graph, (nodes) => {
      const placed = placeInLayers(nodes);
      expect(placed.map(({ id }) => id).sort()).toEqual(nodes.map(({ id }) => id).sort());
      expect(new Set(placed.map(({ layer, place }) => `${layer} ${place}`)).size).toBe(nodes.length);
      const layer = new Map(placed.map((each) => [each.id, each.layer]));
      const needsOf = (wanted: string) => nodes.find(({ id }) => id === wanted)?.needs ?? [];
      const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
        from === to || (!seen.has(from) && needsOf(from).some((each) => reaches(each, to, new Set([...seen, from]))));
      for (const { id, needs } of nodes) {
        for (const each of needs) {
          if (!layer.has(each) || each === id || reaches(each, id)) continue;
          expect(layer.get(each)!).toBeGreaterThan(layer.get(id)!);
        }
      }
    }),
  );
});

test('a long chain of services takes no depth of calls', () => {
  const chain = Array.from({ length: 20_000 }, (_, i) => ({ id: String(i), needs: [String(i + 1)] }));
  expect(placeInLayers(chain).find(({ id }) => id === '19999')!.layer).toBe(19_999);
});
