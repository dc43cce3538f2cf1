import { contains, HIGHEST_PORT, type Interval } from '@portolan/model';
import type { Chart, Charted } from '../check/chart.ts';
import { stemOf } from '../check/pairing.ts';
import { blocksOf, ownRanges, rangeAt, wantedRange } from '../check/range.ts';

/** Where an endpoint may be. */
export interface Field {
  /** Best first. Its present port is one of them when it may stay. */
  readonly ports: readonly number[];
  /** Name of the range that it belongs to. */
  readonly range: string | null;
}

/** How far from its port a service without any range is looked for a place, ports. */
const NEIGHBOURHOOD = 100;

/**
 * The ports that the rules leave to an endpoint: those of the range that the plan names, else of the range that it is in,
 * else of the range where its like are; where there are no ranges, those that follow on its own.
 *
 * @param target the one port that it shall have, when that is settled
 * @param avoid ports that others are seen on or were promised
 * @param opened names of ranges whose reserve is open, when nothing else is left
 */
export function fieldOf(
  chart: Chart,
  endpoint: Charted,
  target: number | null,
  avoid: ReadonlySet<number>,
  opened: ReadonlySet<string>,
): Field {
  const { port } = endpoint;
  if (target !== null) return { ports: [target], range: rangeAt(chart.manifest, target)?.[0] ?? null };
  const home = homeOf(chart, endpoint);
  const isKept = keptBy(chart, endpoint);
  const candidates = home ? portsOf(home.ports) : neighbours(port!);
  const range = home?.name ?? null;
  const left = candidates.filter((each) => !isKept(each, range) && (each === port || !avoid.has(each)));
  if (range === null || !opened.has(range)) return { ports: left.filter((each) => !isReserved(chart, each)), range };
  // The reserve is taken last.
  return { ports: left.toSorted((a, b) => Number(isReserved(chart, a)) - Number(isReserved(chart, b))), range };
}

function homeOf(chart: Chart, endpoint: Charted): { name: string; ports: Interval } | undefined {
  const { manifest, drafted } = chart;
  const wanted = wantedRange(manifest, endpoint);
  if (wanted) return wanted;
  const own = ownRanges(manifest);
  const port = endpoint.port!;
  const here = own
    .filter(([, { ports }]) => contains(ports, port))
    .sort(([, a], [, b]) => sizeOf(a.ports) - sizeOf(b.ports))[0];
  if (here) return { name: here[0], ports: here[1].ports };
  const foreign = rangeAt(manifest, port)?.[1].owner != null;
  const isStray = !drafted && port > 1023;
  if (own.length === 0 || !(foreign || isStray || isBlocked(chart, endpoint))) return undefined;
  const [name, range] = own.toSorted((a, b) => affinity(chart, endpoint, b) - affinity(chart, endpoint, a))[0]!;
  return { name, ports: range.ports };
}

/** How many services that are like this one are in a range: partners of a pairing, namesakes, neighbours in the tree. */
function affinity(
  chart: Chart,
  { service, of }: Charted,
  [, { ports, policy }]: ReturnType<typeof ownRanges>[number],
): number {
  const kind = kindOf(service);
  const folder = of.directory?.split('/').slice(0, -1).join('/');
  let score = policy === 'dynamic' ? 0.1 : 0;
  for (const other of chart.endpoints) {
    if (other.service === service || other.port === null || !contains(ports, other.port)) continue;
    if (kind !== undefined && kindOf(other.service) === kind) score += 2;
    if (folder && other.of.directory?.startsWith(`${folder}/`)) score += 1;
    if (other.of.runtime !== undefined && other.of.runtime === of.runtime) score += 0.5;
  }
  return score;
}

/** `web` of `chat-web`. */
function kindOf(service: string): string | undefined {
  const stem = stemOf(service);
  return stem === service ? service.split(/[-_.]/).slice(1).at(-1) : service.slice(stem.length + 1);
}

/** What the plan keeps from this endpoint: blocked ports, and those of other projects. */
function keptBy(chart: Chart, { protocol }: Charted): (port: number, range: string | null) => boolean {
  const { manifest } = chart;
  const blocks = blocksOf(manifest).filter((block) => block.protocol === null || block.protocol === protocol);
  const foreign = Object.entries(manifest.ranges).filter(
    ([, { owner }]) => owner !== null && owner !== manifest.project,
  );
  return (port, range) =>
    blocks.some(({ ports }) => contains(ports, port)) ||
    foreign.some(([name, { ports }]) => name !== range && contains(ports, port));
}

export function isReserved({ manifest }: Chart, port: number): boolean {
  return Object.values(manifest.ranges).some(({ reserved }) => reserved.some(({ ports }) => contains(ports, port)));
}

function isBlocked({ manifest }: Chart, { port, protocol }: Charted): boolean {
  return blocksOf(manifest).some(
    (block) => contains(block.ports, port!) && (block.protocol === null || block.protocol === protocol),
  );
}

function neighbours(port: number): number[] {
  return portsOf({ from: port, to: Math.min(port + NEIGHBOURHOOD, HIGHEST_PORT) });
}

export function portsOf({ from, to }: Interval): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function sizeOf({ from, to }: Interval): number {
  return to - from;
}
