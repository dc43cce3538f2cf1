import { formatInterval, type Interval, PortolanError } from '@portolan/model';
import type { Manifest, ManifestRange } from './schema.ts';

/** A range of the manifest with what is left of it outside the ranges within it. */
export interface FlatRange {
  /** Of the manifest; with a number from 2 on for what is left behind the first gap. */
  name: string;
  ports: Interval;
  range: ManifestRange;
}

/**
 * The ranges without overlap, as the registry keeps them: where one lies within another the ports are the inner one's.
 *
 * @throws PortolanError `invalid-request` when two overlap and neither lies within the other
 */
export function flatRanges({ ranges }: Pick<Manifest, 'ranges'>): FlatRange[] {
  const entries = Object.entries(ranges);
  for (const [index, [name, { ports }]] of entries.entries()) {
    for (const [other, { ports: others }] of entries.slice(index + 1)) {
      if (!crosses(ports, others)) continue;
      throw new PortolanError(
        'invalid-request',
        `The ranges ${name} (${formatInterval(ports)}) and ${other} (${formatInterval(others)}) overlap in part: whose the ports in both are cannot be told. Put one within the other, or part them.`,
      );
    }
  }
  return entries.flatMap(([name, range]) => {
    const inner = entries.filter(
      ([other, { ports }]) =>
        other !== name && within(ports, range.ports) && !(within(range.ports, ports) && other > name),
    );
    return without(
      range.ports,
      inner.map(([, { ports }]) => ports),
    ).map((ports, index) => ({ name: index === 0 ? name : `${name.slice(0, 58)}-${index + 1}`, ports, range }));
  });
}

export function within(inner: Interval, outer: Interval): boolean {
  return inner.from >= outer.from && inner.to <= outer.to;
}

/** Whether two intervals share ports, and neither lies within the other. */
export function crosses(a: Interval, b: Interval): boolean {
  return a.from <= b.to && b.from <= a.to && !within(a, b) && !within(b, a);
}

function without(whole: Interval, holes: readonly Interval[]): Interval[] {
  const left: Interval[] = [];
  let from = whole.from;
  for (const hole of [...holes].sort((a, b) => a.from - b.from)) {
    if (hole.from > from) left.push({ from, to: Math.min(hole.from - 1, whole.to) });
    from = Math.max(from, hole.to + 1);
  }
  if (from <= whole.to) left.push({ from, to: whole.to });
  return left;
}
