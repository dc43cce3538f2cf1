import { matched } from './matching.ts';
import { searched } from './search.ts';

/** Something that is to have a port: one endpoint, or several of one service that share their number. */
export interface Item {
  readonly id: string;
  readonly now: number | null;
  /** Ports that it may have, best first, without those of others who stay where they are. */
  readonly allowed: readonly number[];
  /** Which of two is rather moved, when one of them has to be: the lighter. 0..1000. */
  readonly weight?: number;
}

/** Two items whose ports are to be the same modulo a power of ten. */
export interface Link {
  readonly a: string;
  readonly b: string;
  readonly modulus: number;
}

/** Items that are to have neighbouring slots. Each allows nothing but slots of its run. */
export interface Run {
  readonly members: readonly string[];
  /** Ports in order; what lies between two neighbours is kept from everybody. */
  readonly slots: readonly number[];
}

export interface Problem {
  readonly items: readonly Item[];
  readonly links: readonly Link[];
  readonly runs: readonly Run[];
}

export interface Placement {
  /** Port of each item. */
  readonly ports: ReadonlyMap<string, number>;
  /** Items that do not keep their port. */
  readonly moves: number;
  /** No placement has fewer moves than this. With `moves === bound` it is the best there is. */
  readonly bound: number;
}

/**
 * Gives every item a port of its own with the fewest moves; of equals the lighter ones move, to the ports that come first
 * in `allowed`.
 *
 * Parts of the problem that share no port, link or run are placed apart. A part without links and runs is an assignment
 * problem, solved exactly. Else windows of the runs, then the linked groups, are tried by branch and bound; when that
 * takes too long the answer is the best so far, with the bound that was proven.
 *
 * @returns the ids of a part that cannot be placed, when there is one
 */
export function place(problem: Problem): Placement | { impossible: string[] } {
  const ports = new Map<string, number>();
  let moves = 0;
  let bound = 0;
  for (const part of partsOf(narrowed(problem))) {
    const placed = part.links.length === 0 && part.runs.length === 0 ? matched(part.items) : searched(part);
    if (!placed) return { impossible: part.items.map(({ id }) => id) };
    for (const [id, port] of placed.ports) ports.set(id, port);
    moves += placed.moves;
    bound += placed.bound;
  }
  return { ports, moves, bound };
}

/**
 * Leaves each free item as many ports as there are items: whatever the others take, one of the first so many is left, and
 * is as good as any other that it could move to.
 */
function narrowed({ items, links, runs }: Problem): Problem {
  const bound = new Set([...links.flatMap(({ a, b }) => [a, b]), ...runs.flatMap(({ members }) => members)]);
  const narrow = (item: Item): Item => {
    if (bound.has(item.id)) return item;
    const first = item.allowed.slice(0, items.length + 1);
    const stays = item.now !== null && !first.includes(item.now) && item.allowed.includes(item.now);
    return { ...item, allowed: stays ? [...first, item.now] : first };
  };
  return { items: items.map(narrow), links, runs };
}

function partsOf({ items, links, runs }: Problem): Problem[] {
  const leader = new Map<string, string>();
  const find = (id: string): string => {
    let root = id;
    while (leader.get(root) !== undefined) root = leader.get(root)!;
    return root;
  };
  const join = (a: string, b: string) => {
    const [one, other] = [find(a), find(b)];
    if (one !== other) leader.set(one, other);
  };
  const firstAt = new Map<number, string>();
  for (const { id, allowed } of items) {
    for (const port of allowed) {
      const first = firstAt.get(port);
      if (first === undefined) firstAt.set(port, id);
      else join(id, first);
    }
  }
  for (const { a, b } of links) join(a, b);
  for (const { members } of runs) for (const member of members) join(member, members[0]!);
  const parts = Map.groupBy(items, ({ id }) => find(id));
  return Array.from(parts, ([root, own]) => ({
    items: own,
    links: links.filter(({ a }) => find(a) === root),
    runs: runs.filter(({ members }) => members.length > 0 && find(members[0]!) === root),
  }));
}
