import { matched, WEIGHT } from './matching.ts';
import type { Item, Link, Placement, Problem, Run } from './placement.ts';

/** Choices to look at in one part of a problem before the best so far is taken. */
const EFFORT = 200_000;
/**
 * Windows of the runs, then ways to place the linked groups, by branch and bound: the best when that ends in time, else the
 * best so far with the bound that was proven. `undefined` when there is none.
 */
export function searched({ items, links, runs }: Problem): Placement | undefined {
  const effort = { left: EFFORT };
  let best: Placement | undefined;
  let proven = true;
  let floor: number | undefined;
  for (const windows of windowsOf(items, runs, effort)) {
    // They come in the order of what they cost at least: the first is the least of all.
    floor ??= windows.moves;
    if (best && windows.moves >= best.moves) break;
    const { allowed } = windows;
    const own = items.map((item) => ({ ...item, allowed: allowed.get(item.id) ?? item.allowed }));
    // Without its links the part is an assignment problem, whose answer no placement can beat.
    const relaxed = matched(own);
    if (!relaxed || (best && relaxed.moves >= best.moves)) continue;
    if (links.length === 0) {
      best = relaxed;
      continue;
    }
    const groups = groupsOf(own, links);
    if (groups.some(({ options }) => options.length === 0)) continue;
    const found = combined(groups, best?.moves ?? Number.POSITIVE_INFINITY, effort);
    if (found.placement) best = found.placement;
    proven &&= found.complete;
  }
  if (!best) return undefined;
  if (proven && effort.left > 0) return { ...best, bound: best.moves };
  const apart = groupsOf(items, links).reduce((sum, { options }) => sum + (options[0]?.moves ?? 0), 0);
  return { ...best, bound: Math.min(best.moves, Math.max(floor ?? 0, matched(items)?.moves ?? 0, apart)) };
}

/**
 * Every choice of a window for each run, those that keep most first.
 *
 * @returns what the members may have then, and how many have to move at least
 */
function* windowsOf(
  items: readonly Item[],
  runs: readonly Run[],
  effort: { left: number },
): Generator<{ allowed: ReadonlyMap<string, readonly number[]>; moves: number }> {
  const byId = new Map(items.map((item) => [item.id, item]));
  const choices = runs.map(({ members, slots }) => {
    const starts = slots.length - members.length + 1;
    const windows = Array.from({ length: Math.max(starts, 0) }, (_, start) =>
      slots.slice(start, start + members.length),
    );
    return windows
      .map((window) => {
        const kept = new Set(
          members.map((id) => byId.get(id)!.now).filter((now) => now !== null && window.includes(now)),
        );
        return { window, members, moves: members.length - kept.size };
      })
      .sort((a, b) => a.moves - b.moves);
  });
  // Combinations by their sum: a frontier of index vectors, the cheapest first.
  const key = (vector: readonly number[]) => vector.join(',');
  const cost = (vector: readonly number[]) => vector.reduce((sum, index, run) => sum + choices[run]![index]!.moves, 0);
  if (choices.some((windows) => windows.length === 0)) return;
  const frontier = [{ vector: runs.map(() => 0), moves: cost(runs.map(() => 0)) }];
  const seen = new Set(frontier.map(({ vector }) => key(vector)));
  while (frontier.length > 0 && effort.left-- > 0) {
    const at = frontier.reduce((least, { moves }, index) => (moves < frontier[least]!.moves ? index : least), 0);
    const [{ vector, moves }] = frontier.splice(at, 1) as [(typeof frontier)[number]];
    const allowed = new Map<string, readonly number[]>();
    for (const [run, index] of vector.entries()) {
      const { window, members } = choices[run]![index]!;
      for (const id of members) {
        const may = new Set(byId.get(id)!.allowed);
        allowed.set(
          id,
          window.filter((port) => may.has(port)),
        );
      }
    }
    yield { allowed, moves };
    for (const run of runs.keys()) {
      const next = vector.with(run, vector[run]! + 1);
      if (next[run]! >= choices[run]!.length || seen.has(key(next))) continue;
      seen.add(key(next));
      frontier.push({ vector: next, moves: cost(next) });
    }
  }
}

/** Items that are linked, directly or by others, with the ways to place them together, cheapest first. */
interface Group {
  readonly items: readonly Item[];
  readonly options: readonly { readonly ports: readonly number[]; readonly moves: number }[];
}

function groupsOf(items: readonly Item[], links: readonly Link[]): Group[] {
  const byId = new Map(items.map((item) => [item.id, item]));
  const placed = new Set<string>();
  const groups: Group[] = [];
  for (const item of items) {
    if (placed.has(item.id)) continue;
    const members = [item];
    placed.add(item.id);
    for (const member of members) {
      for (const { a, b } of links) {
        const other = a === member.id ? b : b === member.id ? a : undefined;
        if (other === undefined || placed.has(other)) continue;
        placed.add(other);
        members.push(byId.get(other)!);
      }
    }
    const ids = members.map(({ id }) => id);
    const own = links
      .filter(({ a }) => ids.includes(a))
      .map(({ a, b, modulus }) => ({ a: ids.indexOf(a), b: ids.indexOf(b), modulus }));
    groups.push({ items: members, options: optionsOf(members, own) });
  }
  return groups;
}

function optionsOf(
  items: readonly Item[],
  links: readonly { a: number; b: number; modulus: number }[],
): Group['options'] {
  let partial: { ports: number[]; moves: number; rank: number }[] = [{ ports: [], moves: 0, rank: 0 }];
  for (const [index, { now, allowed, weight = 0 }] of items.entries()) {
    const bound = links.filter(({ a, b }) => Math.max(a, b) === index);
    // Ports by their last digits, so that a pair costs what fits and not the product of all.
    const [first] = bound;
    const byDigits = first && Map.groupBy(allowed.entries(), ([, port]) => port % first.modulus);
    partial = partial.flatMap(({ ports, moves, rank }) => {
      const fitting = first
        ? (byDigits!.get(ports[Math.min(first.a, first.b)]! % first.modulus) ?? [])
        : allowed.entries();
      return Array.from(fitting)
        .filter(([, port]) => !ports.includes(port))
        .filter(([, port]) => bound.every(({ a, b, modulus }) => ports[Math.min(a, b)]! % modulus === port % modulus))
        .map(([preference, port]) => ({
          ports: [...ports, port],
          moves: moves + Number(port !== now),
          rank: rank + preference + (port === now ? 0 : weight * WEIGHT),
        }));
    });
  }
  return partial.sort((a, b) => a.moves - b.moves || a.rank - b.rank);
}

/** Branch and bound over the groups, the one with the fewest ways left first. */
function combined(
  groups: readonly Group[],
  below: number,
  effort: { left: number },
): { placement: Placement | undefined; complete: boolean } {
  const taken = new Set<number>();
  const chosen = new Map<Group, readonly number[]>();
  let best: Placement | undefined;
  let limit = below;
  let complete = true;
  const isFree = (ports: readonly number[]) => ports.every((port) => !taken.has(port));
  const descend = (open: readonly Group[], moves: number): void => {
    if (open.length === 0) {
      const ports = new Map<string, number>();
      for (const [{ items }, own] of chosen) for (const [index, { id }] of items.entries()) ports.set(id, own[index]!);
      best = { ports, moves, bound: moves };
      limit = moves;
      return;
    }
    let tightest: Group | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    let least = moves;
    for (const group of open) {
      const first = group.options.findIndex(({ ports }) => isFree(ports));
      if (first < 0) return;
      least += group.options[first]!.moves;
      let count = 0;
      for (let index = first; index < group.options.length && count < fewest; index++) {
        if (isFree(group.options[index]!.ports)) count++;
      }
      if (count < fewest) {
        fewest = count;
        tightest = group;
      }
    }
    if (least >= limit) return;
    const rest = open.filter((group) => group !== tightest);
    for (const { ports, moves: own } of tightest!.options) {
      if (!isFree(ports)) continue;
      if (moves + own >= limit) break;
      if (effort.left-- <= 0) {
        complete = false;
        return;
      }
      for (const port of ports) taken.add(port);
      chosen.set(tightest!, ports);
      descend(rest, moves + own);
      chosen.delete(tightest!);
      for (const port of ports) taken.delete(port);
    }
  };
  descend(groups, 0);
  return { placement: best, complete };
}
