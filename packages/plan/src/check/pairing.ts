import { contains, formatInterval, type Interval } from '@portolan/model';
import { type Chart, type Charted, nameOf } from './chart.ts';
import type { PlanFinding } from './finding.ts';
import { list, MOVE, witnessesOf } from './words.ts';

/** Which services share their last digits by the plan, and do not. */
export function brokenPairs(chart: Chart): PlanFinding[] {
  return chart.manifest.pairings.flatMap((pairing, index) => {
    const { first, second, digits, strict, pairs } = pairing;
    return partners(chart, pairing).flatMap(([a, b]) => {
      if (a.port! % 10 ** digits === b.port! % 10 ** digits) return [];
      const place = chart.written(['pairings', index]);
      return [
        {
          id: `pairing:${a.service}:${b.service}`,
          kind: 'pairing' as const,
          severity: strict ? ('warning' as const) : ('info' as const),
          port: b.port,
          protocol: b.protocol,
          services: [a.service, b.service],
          summary: `${nameOf(a)} has ${a.port} and ${nameOf(b)} has ${b.port}: the last ${digits === 1 ? 'digit differs' : `${digits} digits differ`}.`,
          witnesses: [
            ...witnessesOf(chart, b, b.port!),
            ...witnessesOf(chart, a, a.port!),
            ...(place
              ? [
                  {
                    place,
                    says: `${formatInterval(first)} and ${formatInterval(second)} share ${digits} digits${pairs.length > 0 ? ` (${list(pairs.flat())})` : ''}`,
                  },
                ]
              : []),
          ],
          fixes: [
            MOVE,
            `or by hand: give ${b.service} a port that ends in ${String(a.port! % 10 ** digits).padStart(digits, '0')}`,
          ],
        },
      ];
    });
  });
}

export type Pairing = Chart['manifest']['pairings'][number];

/** The pairs that a rule is about: those that it names, else `chat-server` and `chat-web`, one in each interval. */
export function partners(
  chart: Pick<Chart, 'endpoints' | 'ofService'>,
  { first, second, pairs }: Pairing,
): [Charted, Charted][] {
  if (pairs.length > 0) {
    return pairs.flatMap(([a, b]): [Charted, Charted][] => {
      const one = main(chart.ofService(a), first);
      const other = main(chart.ofService(b), second);
      return one && other ? [[one, other]] : [];
    });
  }
  const stems = Map.groupBy(
    chart.endpoints.filter(({ port }) => port !== null),
    ({ service }) => stemOf(service),
  );
  return [...stems.values()].flatMap((group): [Charted, Charted][] => {
    const ones = group.filter(({ port }) => contains(first, port!));
    const others = group.filter(({ port }) => contains(second, port!));
    const [one] = ones;
    const [other] = others;
    // Of three that share a stem nobody can tell which two belong together.
    return ones.length === 1 && others.length === 1 && one!.service !== other!.service ? [[one!, other!]] : [];
  });
}

/** The endpoint that a pairing means: the one in its interval, else the first that has a port. */
function main(endpoints: readonly Charted[], interval: Interval): Charted | undefined {
  const ported = endpoints.filter(({ port }) => port !== null);
  return ported.find(({ port }) => contains(interval, port!)) ?? ported[0];
}

/** `chat` of `chat-server`, `chat-web`, `chat-frontend`. */
export function stemOf(service: string): string {
  return service.replace(/[-_.](server|backend|api|web|frontend|ui|client|app|service)$/, '');
}
