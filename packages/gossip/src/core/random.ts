import type { Member } from './member.ts';
import type { Members } from './members.ts';

/** A whole number in [0, limit). */
export function below(limit: number, random: () => number): number {
  return Math.floor(random() * limit);
}

/**
 * Different members drawn at random. Among few, all are looked at; among many it gives up after a number of draws, so
 * there may be fewer than there could.
 */
export function drawMembers(
  members: Members,
  count: number,
  random: () => number,
  suitable: (member: Member) => boolean,
): Member[] {
  if (members.size < 3 * count) return shuffled([...members].filter(suitable), random).slice(0, count);
  const drawn: Member[] = [];
  for (let draw = 0; draw < 3 * members.size && drawn.length < count; draw++) {
    const member = members.at(below(members.size, random));
    if (suitable(member) && !drawn.includes(member)) drawn.push(member);
  }
  return drawn;
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = below(i + 1, random);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
