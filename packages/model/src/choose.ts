import type { Obstacle } from './api.ts';
import { HIGHEST_PORT, type Interval } from './port.ts';
import type { PortSet } from './port-set.ts';
import { SYSTEM_BLOCK } from './range.ts';

export interface Wish {
  /** How many ports in a row, at least 1. */
  readonly count: number;
  /** This port, or a block that starts there, and no other. */
  readonly exact?: number | undefined;
  /** This port, or a block that starts there, if it can be had; else the next. */
  readonly preferred?: number | undefined;
  /** How many starts to consider from `preferred` on, itself included. */
  readonly maxAttempts: number;
  /** Where to choose, in order of preference, disjoint. A block never leaves its interval. */
  readonly intervals: readonly Interval[];
  /** Ephemeral ranges: a block that touches one is taken only when nothing else is free. */
  readonly avoid: readonly Interval[];
  readonly order: 'lowest' | 'spread';
  /** Where in an interval a spread begins: 0 <= start < 1. It goes round, so that it reaches every port. */
  readonly start: number;
  /** How many candidates to name, 1 unless given. */
  readonly wanted?: number | undefined;
}

export interface Availability {
  /** Ports that nobody may have. It may hold more than that; only `obstacle` is precise. */
  readonly taken: PortSet;
  /**
   * What keeps this caller from the port, `null` when nothing does. A port in `taken` may still be had, for example one
   * that only the caller's own service was observed on. It decides on the port that was asked for; in a search `taken` does.
   */
  obstacle(port: number): Obstacle | null;
}

export type Choice =
  | {
      readonly ok: true;
      /** First ports of disjoint blocks of `count`, best first; at least 1, at most `wanted`. */
      readonly candidates: number[];
      /** How many starts were considered up to the first candidate, which counts too. */
      readonly attempts: number;
      /** What kept the caller from the preferred port. */
      readonly obstacle: Obstacle | null;
    }
  | {
      readonly ok: false;
      readonly reason: 'port-taken' | 'port-blocked' | 'range-exhausted';
      readonly attempts: number;
      readonly obstacle: Obstacle | null;
      /** Up to 3 starts nearby that could be had. */
      readonly suggestions: number[];
    };

/**
 * Chooses a port, or `count` ports in a row. In this order: `exact` alone; `preferred`; the ports after it (up from it
 * and round within the intervals, or up to 65535 when there are no intervals); without a preferred port the intervals.
 * Where the preferred port lies in an avoided range, the caller wants to be there, and nothing is avoided.
 *
 * Deterministic: what varies from call to call comes in as `start`.
 */
export function choosePorts(wish: Wish, availability: Availability): Choice {
  const { exact, preferred, count, wanted = 1 } = wish;
  const asked = exact ?? preferred;
  const obstacle = asked === undefined ? null : obstacleOf(asked, count, availability);
  if (asked !== undefined && exact !== undefined) {
    if (!obstacle) return { ok: true, candidates: [exact], attempts: 1, obstacle };
    return {
      ok: false,
      reason: reasonOf(obstacle),
      attempts: 1,
      obstacle,
      suggestions: suggest(wish, asked, availability),
    };
  }

  const zones = asked === undefined ? zonesOf(wish) : clip(zonesFrom(asked, wish), wish.maxAttempts - 1);
  const tried = asked === undefined ? 0 : 1;
  const candidates = asked === undefined || obstacle ? [] : [asked];
  let attempts = candidates.length;
  const starts = freeStarts(zones, count, availability.taken, candidates);
  while (candidates.length < wanted) {
    const next = starts.next();
    if (!next.done) candidates.push(next.value.start);
    attempts ||= tried + (next.done ? next.value : next.value.attempts);
    if (next.done) break;
  }
  if (candidates.length > 0) return { ok: true, candidates, attempts, obstacle };
  const near = asked ?? wish.intervals[0]?.to ?? SYSTEM_BLOCK.to;
  const suggestions = suggest({ ...wish, intervals: [] }, near, availability);
  return { ok: false, reason: 'range-exhausted', attempts, obstacle, suggestions };
}

function obstacleOf(start: number, count: number, availability: Availability): Obstacle | null {
  if (start + count - 1 > HIGHEST_PORT) {
    const detail = `a block of ${count} ports from ${start} would end after port ${HIGHEST_PORT}`;
    return { port: start, reason: 'unbindable', detail, by: null };
  }
  for (let port = start; port < start + count; port++) {
    const obstacle = availability.obstacle(port);
    if (obstacle) return obstacle;
  }
  return null;
}

function reasonOf({ reason }: Obstacle): 'port-taken' | 'port-blocked' {
  return reason === 'blocked' ? 'port-blocked' : 'port-taken';
}

/**
 * A zone is an interval of starts, not of ports: a block that starts at its last member reaches beyond it. So zones can
 * be cut and put in another order without losing a block that lies across the cut.
 */
type Zone = Interval;

/** The zones of all intervals, in the order in which they are to be tried. */
function* zonesOf({ intervals, count, avoid, order, start }: Wish): Generator<Zone, void, undefined> {
  const arrange = (zones: readonly Zone[]) =>
    order === 'spread' ? rotate(zones, startOf(zones, start, count)) : zones;
  const shunned = touching(avoid, count);
  for (const interval of intervals) yield* arrange(subtract(startsIn(interval, count), shunned));
  for (const interval of intervals) {
    const whole = startsIn(interval, count);
    yield* arrange(subtract(whole, subtract(whole, shunned)));
  }
}

/** The zones to try after `port`: upwards from it and round in its interval, then the other intervals. */
function zonesFrom(
  port: number,
  { intervals, count, avoid }: Pick<Wish, 'intervals' | 'count' | 'avoid'>,
): readonly Zone[] {
  const itself = { from: port, to: port };
  const zones =
    intervals.length === 0
      ? startsIn({ from: Math.min(port + 1, HIGHEST_PORT), to: HIGHEST_PORT }, count)
      : [...intervals]
          .sort((a, b) => Number(meets(b, itself)) - Number(meets(a, itself)))
          .flatMap((interval) => {
            const starts = startsIn(interval, count);
            return meets(interval, itself) ? rotate(starts, port) : starts;
          });
  const others = subtract(zones, [itself]);
  const shunned = touching(avoid, count);
  if (shunned.some((zone) => meets(zone, itself))) return others;
  const kept = subtract(others, shunned);
  return [...kept, ...subtract(others, kept)];
}

function startsIn({ from, to }: Interval, count: number): Zone[] {
  return from <= to - count + 1 ? [{ from, to: to - count + 1 }] : [];
}

/** The starts of blocks that touch one of the intervals. */
function touching(intervals: readonly Interval[], count: number): Zone[] {
  return intervals.map(({ from, to }) => ({ from: from - count + 1, to }));
}

/** The start at the given part of the way through the zones; blocks begin at multiples of their size, to leave no gaps. */
function startOf(zones: readonly Zone[], part: number, count: number): number {
  let offset = Math.floor(part * sizeOf(zones));
  offset -= offset % count;
  for (const { from, to } of zones) {
    if (offset <= to - from) return from + offset;
    offset -= to - from + 1;
  }
  return 0;
}

/** From `start` on first, then what lies below it. */
function rotate(zones: readonly Zone[], start: number): Zone[] {
  const above: Zone[] = [];
  const below: Zone[] = [];
  for (const zone of zones) {
    if (zone.to >= start) above.push(zone.from >= start ? zone : { from: start, to: zone.to });
    if (zone.from < start) below.push(zone.to < start ? zone : { from: zone.from, to: start - 1 });
  }
  above.push(...below);
  return above;
}

function subtract(zones: readonly Zone[], holes: readonly Zone[]): readonly Zone[] {
  let left = zones;
  for (const hole of holes) {
    const parts: Zone[] = [];
    for (const zone of left) {
      if (zone.from < hole.from) parts.push({ from: zone.from, to: Math.min(zone.to, hole.from - 1) });
      if (zone.to > hole.to) parts.push({ from: Math.max(zone.from, hole.to + 1), to: zone.to });
    }
    left = parts;
  }
  return left;
}

/** The first `limit` starts. */
function clip(zones: readonly Zone[], limit: number): Zone[] {
  let left = limit;
  return zones.flatMap(({ from, to }) => {
    const size = Math.min(left, to - from + 1);
    left -= size;
    return size > 0 ? [{ from, to: from + size - 1 }] : [];
  });
}

function sizeOf(zones: readonly Zone[]): number {
  return zones.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

function meets(a: Interval, b: Interval): boolean {
  return a.from <= b.to && b.from <= a.to;
}

/**
 * The starts of free blocks, in the order of the zones, each clear of the ones before and of those in `others`.
 * `attempts` counts the starts up to the one found.
 *
 * @returns in the end, how many starts there were
 */
function* freeStarts(
  zones: Iterable<Zone>,
  count: number,
  taken: PortSet,
  others: readonly number[],
): Generator<{ start: number; attempts: number }, number, undefined> {
  const found = [...others];
  let considered = 0;
  for (const { from, to } of zones) {
    let start = taken.nextFreeRun(from, to + count - 1, count);
    while (start >= 0) {
      // A block that lies across two zones may meet one that was found in the other.
      const met = found.find((other) => Math.abs(other - start) < count);
      if (met === undefined) {
        found.push(start);
        yield { start, attempts: considered + start - from + 1 };
      }
      start = taken.nextFreeRun((met ?? start) + count, to + count - 1, count);
    }
    considered += to - from + 1;
  }
  return considered;
}

const SUGGESTIONS_MAX = 3;
/** Bounds the cost of a refusal: ports that are free for others but not for this caller are passed over one by one. */
const SUGGESTION_TRIES_MAX = 256;

function suggest(wish: Wish, near: number, availability: Availability): number[] {
  const { count, avoid } = wish;
  const inside = wish.intervals.length > 0 ? zonesFrom(near, wish) : [];
  const everywhere = { from: SYSTEM_BLOCK.to + 1, to: HIGHEST_PORT };
  const outside = zonesFrom(Math.max(near, SYSTEM_BLOCK.to), { intervals: [everywhere], count, avoid });
  const suggestions: number[] = [];
  let tries = 0;
  for (const { start } of freeStarts([...inside, ...subtract(outside, inside)], count, availability.taken, [])) {
    if (!obstacleOf(start, count, availability)) suggestions.push(start);
    if (suggestions.length === SUGGESTIONS_MAX || ++tries === SUGGESTION_TRIES_MAX) break;
  }
  return suggestions;
}
