import { contains, formatInterval, type Interval } from '@portolan/model';
import { type Chart, type Charted, nameOf } from './chart.ts';
import type { PlanFinding } from './finding.ts';
import { blocksOf } from './range.ts';
import { MOVE, rangeWitness, witnessesOf } from './words.ts';

/** Holes in ranges whose ports are to follow on one another. */
export function gaps(chart: Chart): PlanFinding[] {
  const { manifest } = chart;
  return Object.entries(manifest.ranges)
    .filter(([, range]) => range.contiguous)
    .flatMap(([name, range]) => {
      const inside = chart.endpoints.filter(({ port }) => port !== null && contains(range.ports, port));
      const used = new Set(inside.map(({ port }) => port!));
      const kept = [...range.reserved.map(({ ports }) => ports), ...blocksOf(manifest).map(({ ports }) => ports)];
      const isFree = (port: number) => !used.has(port) && !kept.some((ports) => contains(ports, port));
      return holes(used, isFree).map((hole) => gap(chart, name, hole, inside));
    });
}

function holes(used: ReadonlySet<number>, isFree: (port: number) => boolean): Interval[] {
  const found: Interval[] = [];
  for (let port = Math.min(...used); port < Math.max(...used); port++) {
    if (!isFree(port)) continue;
    const last = found.at(-1);
    if (last?.to === port - 1) last.to = port;
    else found.push({ from: port, to: port });
  }
  return found;
}

function gap(chart: Chart, range: string, hole: Interval, inside: readonly Charted[]): PlanFinding {
  const after = inside.filter(({ port }) => port! > hole.to).sort((a, b) => a.port! - b.port!)[0]!;
  return {
    id: `gap:${range}:${formatInterval(hole)}`,
    kind: 'gap',
    severity: 'warning',
    port: hole.from,
    protocol: after.protocol,
    services: [after.service],
    summary: `Nobody has ${formatInterval(hole)} in range ${range}, whose ports are to follow on one another; ${nameOf(after)} comes after it with ${after.port}.`,
    witnesses: [...witnessesOf(chart, after, after.port!), ...rangeWitness(chart, range, hole)],
    fixes: [MOVE, `or note under "reserved" of range ${range} what ${formatInterval(hole)} is kept for`],
  };
}
