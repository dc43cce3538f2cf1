import type { Verdict } from './finding.ts';
import type { Fleet } from './fleet.ts';
import { formatInterval } from './interval.ts';
import { isContainerInternal } from './port-facts.ts';
import { hostShareOf, nameOfShare, openRanges, quotaOf, type Share, sharesOf, sizeOf } from './quota.ts';
import type { Range } from './range.ts';
import { hostParty, verdictOf } from './verdict.ts';

/** From here on it is told, and below that no more: what hovers about one mark would come and go. */
const SHARE = { raise: 0.8, clear: 0.7 };
const RANGE = { raise: 0.9, clear: 0.85 };
/** A smaller range is full by design. */
const RANGE_MIN = 100;
/** Nothing is told of less: 80 % of the smallest quota, and of the smallest share of a host. */
const PROJECT_MIN = 70;
const HOST_MIN = 350;

/** In the id of a finding, where else a range's name stands: no range can have it. */
const OUTSIDE = '-';

/** Projects that hold nearly all that they may of a range, and ranges that are nearly used up. */
export function drainedRanges(fleet: Fleet): Verdict[] {
  const ranges = openRanges(fleet).flatMap((range) => usedUp(fleet, range));
  const projects = Array.from(fleet.projects()).flatMap((project) =>
    sharesOf(fleet, project, PROJECT_MIN).flatMap((share) => heldBy(fleet, project, share)),
  );
  return [...ranges, ...projects];
}

/** What the listeners of a host nearly keep from all others. */
export function drainedByHost(fleet: Fleet, id: string): Verdict[] {
  const listeners = fleet.listenersOf(id);
  if (listeners.size < HOST_MIN) return [];
  const ports = new Set<number>();
  for (const { value } of listeners.values()) if (!isContainerInternal(value)) ports.add(value.port);
  const name = fleet.host(id)?.name ?? id;
  return openRanges(fleet).flatMap((range): Verdict[] => {
    let held = 0;
    for (const port of ports) if (port >= range.from && port <= range.to) held++;
    const share = { range, held, most: hostShareOf(sizeOf(range)) };
    const findingId = `draining:host:${range.name}:${id}`;
    const part = partOf(share, fleet.standing(findingId) ? SHARE.clear : SHARE.raise);
    if (part === undefined) return [];
    const summary =
      held > share.most
        ? `Processes on ${name} listen on more than the ${share.most} ports that one host may keep of ${told(range)}; beyond those they are given to others when nothing else is left.`
        : `Processes on ${name} listen on ${part} of the ${share.most} ports that one host may keep of ${told(range)}.`;
    return [
      verdict(findingId, summary, {
        parties: [hostParty({ id, name })],
        remedies: [
          'portolan ls --listeners (what listens there, and whether it needs fixed ports of this range)',
          'portolan range set --help (to give it a larger range, if this is right)',
        ],
      }),
    ];
  });
}

function usedUp(fleet: Fleet, range: Range): Verdict[] {
  const size = sizeOf(range);
  if (size < RANGE_MIN) return [];
  const id = `draining:range:${range.name}`;
  const used = size - fleet.use.taken.countFree(range.from, range.to);
  if (used < (fleet.standing(id) ? RANGE.clear : RANGE.raise) * size) return [];
  const part = used === size ? 'All' : `More than ${Math.floor((20 * used) / size) * 5} %`;
  return [
    verdict(id, `${part} of the ports of ${told(range)} are used or not to be had.`, {
      remedies: [
        'portolan prune (ports whose services have gone)',
        'portolan range set --help (to give it a larger range)',
      ],
    }),
  ];
}

function heldBy(fleet: Fleet, project: string, share: Share): Verdict[] {
  const { range, held, most } = share;
  const told = nameOfShare(share);
  const id = `draining:project:${range?.name ?? OUTSIDE}:${project}`;
  const part = partOf(share, fleet.standing(id) ? SHARE.clear : SHARE.raise);
  if (part === undefined) return [];
  return [
    verdict(
      id,
      held > most
        ? `The project ${project} holds ${held} ports of ${told}, and gets no more of it, since it may hold ${most}.`
        : `The project ${project} holds ${part} of the ${most} ports that it may hold of ${told}.`,
      {
        remedies: [
          `portolan ls --wide --project ${project} (what it holds)`,
          `portolan range set --help (to give ${project} a range of its own)`,
          ...(range === null ? [] : [raiseQuota(range)]),
        ],
      },
    ),
  ];
}

/** How an operator lets projects hold more of a range. */
export function raiseQuota(range: Range): string {
  const owner = range.owner === null ? '' : ` --owner ${range.owner}`;
  return `portolan range set ${range.name} ${formatInterval(range)}${owner} --policy ${range.policy} --quota ${Math.min(sizeOf(range), 2 * quotaOf(range))}`;
}

/** In steps, so that not every port that comes or goes changes the finding. */
function partOf({ held, most }: Pick<Share, 'held' | 'most'>, from: number): string | undefined {
  if (held < from * most) return undefined;
  return held >= most ? 'all' : `more than ${Math.floor((10 * held) / most) * 10} %`;
}

function told(range: Range): string {
  return nameOfShare({ range });
}

function verdict(id: string, summary: string, rest: Partial<Verdict>): Verdict {
  return verdictOf({ id, kind: 'draining', severity: 'warning', summary, ...rest });
}
