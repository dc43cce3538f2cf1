import { expect, test } from 'vitest';
import { Newcomers } from './newcomers.ts';

test('of too many that are silent the one that waits longest goes, those of other places and those that spoke stay', () => {
  const newcomers = new Newcomers(3);
  const turnedAway: string[] = [];
  const enter = (place: string, name: string) => newcomers.enter(place, () => turnedAway.push(name));
  enter('elsewhere', 'first of all');
  enter('here', 'a');
  const spoke = enter('here', 'b');
  enter('here', 'c');
  expect(turnedAway).toEqual([]);
  enter('here', 'd');
  expect(turnedAway).toEqual(['a']);
  spoke();
  spoke();
  enter('here', 'e');
  expect(turnedAway).toEqual(['a']);
  enter('here', 'f');
  expect(turnedAway).toEqual(['a', 'c']);
});
