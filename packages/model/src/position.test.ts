import { expect, test } from 'vitest';
import { compareVersions, formatVersion, ORIGIN, Position, revisionOf, Version } from './position.ts';

test('a position tells its revision', () => {
  expect(revisionOf('120-4711')).toBe(120);
  expect(revisionOf(ORIGIN)).toBe(0);
  expect(Position.safeParse(ORIGIN).success).toBe(true);
});

test.each(['', '120', '120-', '-5', 'a-b', '1-2-3', '1.2'])('%j is no position', (text) => {
  expect(Position.safeParse(text).success).toBe(false);
});

test('of two tokens the later is higher, by number and not by letter, and a later epoch beats any revision', () => {
  const inOrder = [formatVersion(1, 9), formatVersion(1, 10), formatVersion(2, 1), formatVersion(10, 0)];
  expect([...inOrder].reverse().sort(compareVersions)).toEqual(inOrder);
  expect(compareVersions('3.7', '3.7')).toBe(0);
  for (const version of inOrder) expect(Version.safeParse(version).success).toBe(true);
});
