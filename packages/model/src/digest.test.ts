import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SetDigest } from './digest.ts';

const digestOf = (members: readonly string[]): string => {
  const digest = new SetDigest();
  for (const member of members) digest.toggle(member);
  return digest.toString();
};

test('the digest of a set does not depend on order', () =>
  fc.assert(
    fc.property(
      fc
        .uniqueArray(fc.string(), { maxLength: 20 })
        .chain((members) =>
          fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length })),
        ),
      ([members, shuffled]) => {
        expect(digestOf(shuffled)).toBe(digestOf(members));
      },
    ),
  ));

test('a member that comes and goes leaves the digest as it was; one that stays changes it', () =>
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 20 }), fc.string(), (members, other) => {
      fc.pre(!members.includes(other));
      expect(digestOf([...members, other, other])).toBe(digestOf(members));
      expect(digestOf([...members, other])).not.toBe(digestOf(members));
    }),
  ));

test('similar members do not cancel out: 100,000 listeners have 100,000 digests', () => {
  const digests = new Set<string>();
  for (let i = 0; i < 100_000; i++) digests.add(digestOf([`tcp/0.0.0.0/${i % 65_536}/host/${i}`]));
  expect(digests.size).toBe(100_000);
});

test('the digest of nothing is all zeros, and every digest has 16 digits', () => {
  expect(digestOf([])).toBe('0000000000000000');
  expect(digestOf(['a'])).toMatch(/^[0-9a-f]{16}$/);
});

test('a digest goes on from the text that it gave', () => {
  const whole = digestOf(['a', 'b', 'c']);
  const resumed = new SetDigest(digestOf(['a', 'b']));
  expect(resumed.toString()).toBe(digestOf(['a', 'b']));
  resumed.toggle('c');
  expect(resumed.toString()).toBe(whole);
});
