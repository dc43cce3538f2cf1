import { contains, formatInterval, type Interval, parseInterval } from '@portolan/model';
import type { Manifest, ManifestRange } from '../manifest/schema.ts';
import type { Charted } from './chart.ts';

/** Ranges of the project or of nobody, from which its services are given ports. */
export function ownRanges({ project, ranges }: Manifest): [name: string, range: ManifestRange][] {
  return Object.entries(ranges).filter(
    ([, { policy, owner }]) => policy !== 'blocked' && (owner === null || owner === project),
  );
}

/** The narrowest range that has a port. */
export function rangeAt({ ranges }: Manifest, port: number): [name: string, range: ManifestRange] | undefined {
  return Object.entries(ranges)
    .filter(([, { ports }]) => contains(ports, port))
    .sort(([, a], [, b]) => a.ports.to - a.ports.from - (b.ports.to - b.ports.from))[0];
}

/** Where the plan wants an endpoint: the range that it names, by name or as an interval. */
export function wantedRange(
  { ranges }: Manifest,
  { plan }: Pick<Charted, 'plan'>,
): { name: string; ports: Interval } | undefined {
  const { range } = plan;
  if (range === undefined) return undefined;
  if (typeof range !== 'string') return { name: formatInterval(range), ports: range };
  const named = ranges[range];
  if (named) return { name: range, ports: named.ports };
  const ports = parseInterval(range);
  return ports && { name: range, ports };
}

/** What is blocked: ports that the plan blocks, and ranges that are for nobody. */
export function blocksOf({
  blocked,
  ranges,
}: Manifest): { ports: Interval; protocol: 'tcp' | 'udp' | null; reason: string; path: (string | number)[] }[] {
  return [
    ...blocked.map((block, index) => ({ ...block, path: ['blocked', index, 'ports'] })),
    ...Object.entries(ranges)
      .filter(([, { policy }]) => policy === 'blocked')
      .map(([name, { ports, purpose }]) => ({
        ports,
        protocol: null,
        reason: purpose || `range ${name} is for nobody`,
        path: ['ranges', name, 'ports'],
      })),
  ];
}
