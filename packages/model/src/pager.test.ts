import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pager } from './pager.ts';

test('page after page gives everything once and in order, in whatever order it is offered', () => {
  const words = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 60 });
  const order = fc.constantFrom('ascending' as const, 'descending' as const);
  fc.assert(
    fc.property(words, fc.integer({ min: 1, max: 20 }), order, (items, limit, direction) => {
      const told: string[] = [];
      let after: string | undefined;
      for (let more = true; more; ) {
        const pager = new Pager<string>({ limit, after }, (each) => each, direction);
        for (const each of [...items, ...items]) if (pager.wants(each)) pager.offer(each);
        const page = pager.page();
        told.push(...page.items);
        more = page.more;
        after = page.items.at(-1);
        if (more) expect(page.items).toHaveLength(limit);
      }
      const sorted = items.toSorted((a, b) => (a < b ? -1 : 1));
      expect(told).toEqual(direction === 'ascending' ? sorted : sorted.reverse());
    }),
  );
});
