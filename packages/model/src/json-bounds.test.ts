import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundJson } from './json-bounds.ts';

test('any JSON within its bounds passes, and is refused one below them', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      const { depth, members, values } = measured(JSON.parse(text));
      boundJson(text, { depth, members, values });
      if (depth > 0) expect(() => boundJson(text, { depth: depth - 1, values })).toThrow('nested');
      if (members > 1) expect(() => boundJson(text, { members: members - 1, values })).toThrow('members');
      if (values > 0) expect(() => boundJson(text, { values: values - 1 })).toThrow('values');
    }),
  );
});

test('what stands in a string does not count, however it is quoted', () => {
  for (const text of ['[[[[', '\\', '\\\\"', '"[{,', ',,,,,,']) boundJson(JSON.stringify([text, text]), { values: 2 });
});

test('what is no JSON is left to the parser', () => {
  for (const text of ['', '"', '"\\"', ']]}}', ',,,', 'nul']) boundJson(text, { values: 10 });
});

/** As the bounds count: an empty array or object as one value, since it may cost as much. */
function measured(value: unknown): { depth: number; members: number; values: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, members: 0, values: 0 };
  const inner = Object.values(value);
  const below = inner.map(measured);
  const own = Array.isArray(value) ? 0 : Math.max(1, inner.length);
  return {
    depth: 1 + Math.max(0, ...below.map(({ depth }) => depth)),
    members: Math.max(own, ...below.map(({ members }) => members)),
    values: Math.max(1, inner.length) + below.reduce((sum, { values }) => sum + values, 0),
  };
}
