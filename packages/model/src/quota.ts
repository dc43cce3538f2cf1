import type { Fleet } from './fleet.ts';
import { formatInterval } from './interval.ts';
import { HIGHEST_PORT, type Interval } from './port.ts';
import { without } from './port-field.ts';
import { DEFAULT_RANGE, type Range, SYSTEM_BLOCK } from './range.ts';

/** In any case so many ports, however small the range. */
const PROJECT_MIN = 100;
const HOST_MIN = 500;
/** Of a range. */
const PROJECT_SHARE = 0.5;
const HOST_SHARE = 0.2;

/** How much one has of a range, or of the ports that lie in none, and how much that may be. */
export interface Share {
  /** `null`: the ports outside every range. */
  readonly range: Range | null;
  readonly intervals: readonly Interval[];
  readonly held: number;
  readonly most: number;
}

/** Ports of a range that one project may hold which does not own it. */
export function quotaOf(range: Range): number {
  return range.quota ?? projectShareOf(sizeOf(range));
}

function projectShareOf(ports: number): number {
  return Math.max(PROJECT_MIN, Math.floor(PROJECT_SHARE * ports));
}

/** Ports of a range, or of any number of ports, that the listeners of one host may keep from all others. */
export function hostShareOf(ports: number): number {
  return Math.max(HOST_MIN, Math.floor(HOST_SHARE * ports));
}

export function sizeOf({ from, to }: Pick<Range, 'from' | 'to'>): number {
  return to - from + 1;
}

/** Ranges that ports are chosen from; the `default` range, where operators laid down nothing in its place. */
export function openRanges(fleet: Fleet): Range[] {
  const ranges: Range[] = [];
  let replaced = false;
  for (const { value } of fleet.all('range')) {
    if (value.policy !== 'blocked') ranges.push(value);
    replaced ||= value.name === DEFAULT_RANGE.name || (value.policy === 'dynamic' && value.owner === null);
  }
  return replaced ? ranges : [...ranges, DEFAULT_RANGE];
}

/**
 * What a project holds of the ranges that it does not own, its own blocks within them apart, and of the ports that lie in no
 * range. Ports that rest for it count: nobody else may have them.
 *
 * @param atLeast ports that it holds in all; of one with fewer nothing is told
 */
export function sharesOf(fleet: Fleet, project: string, atLeast = 0): Share[] {
  const ports = fleet.portsOf(project);
  if ((ports?.size ?? 0) < atLeast) return [];
  const countIn = (interval: Interval) => ports?.countIn(interval) ?? 0;
  const ranges = openRanges(fleet);
  const own = ranges.filter(({ owner }) => owner === project);
  const shares = ranges
    .filter(({ owner }) => owner !== project)
    .map((range): Share => {
      const inOwn = own.filter(({ from, to }) => from >= range.from && to <= range.to);
      const held = inOwn.reduce((sum, block) => sum - countIn(block), countIn(range));
      return { range, intervals: [range], held, most: quotaOf(range) };
    });
  return [...shares, outside(fleet, ranges, countIn)];
}

/** Of the ports that lie in no range: those that are only to be had by their numbers. */
function outside(fleet: Fleet, ranges: readonly Range[], countIn: (interval: Interval) => number): Share {
  const blocked = Array.from(fleet.all('range'), ({ value }) => value).filter(({ policy }) => policy === 'blocked');
  const open: Interval = { from: SYSTEM_BLOCK.to + 1, to: HIGHEST_PORT };
  const intervals = [...ranges, ...blocked].reduce<Interval[]>(without, [open]);
  const held = intervals.reduce((sum, interval) => sum + countIn(interval), 0);
  const size = intervals.reduce((sum, interval) => sum + sizeOf(interval), 0);
  return { range: null, intervals, held, most: projectShareOf(size) };
}

/** `the range pool (41000-41299)`. */
export function nameOfShare({ range }: Pick<Share, 'range'>): string {
  return range === null ? 'the ports outside every range' : `the range ${range.name} (${formatInterval(range)})`;
}
