import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SetHash } from './set-hash.ts';

const hashOf = (members: Iterable<string>) => {
  const hash = new SetHash();
  for (const member of members) hash.add(member);
  return hash;
};

test('tells sets apart, and does not care for the order', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.uniqueArray(fc.string()), (one, other) => {
      const isSame = one.length === other.length && one.every((member) => other.includes(member));
      expect(hashOf(one).digest === hashOf(other).digest).toBe(isSame);
      expect(hashOf(one.toReversed()).digest).toBe(hashOf(one).digest);
    }),
  );
});

test('what was added and taken away again leaves nothing', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.string(), (members, further) => {
      const hash = hashOf(members);
      const { digest } = hash;
      const copy = hash.copy();
      copy.add(further);
      expect(hash.digest).toBe(digest);
      copy.remove(further);
      expect(copy.digest).toBe(digest);
    }),
  );
});

/** By another implementation of SHAKE128 and SHA-256. */
test('is the same on every machine', () => {
  expect(hashOf([]).digest).toBe('e5a00aa9991ac8a5ee3109844d84a555');
  expect(hashOf(['a', 'b']).digest).toBe('d05bf787c9a81eb4b0b3bbdec7af2bd7');
});
