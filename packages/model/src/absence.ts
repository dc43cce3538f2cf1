import type { Verdict } from './finding.ts';
import type { Fleet } from './fleet.ts';
import type { Host } from './host.ts';
import { type Coordinator, nameOfCoordinator } from './readiness.ts';
import { hostParty, verdictOf } from './verdict.ts';

/**
 * From so many hosts on, or from so large a part of three and more, they are told in one finding: it is more likely one
 * fault between them and the coordinators than as many of their own. Below `clear` each has its own again.
 */
const CROWD = { raise: { hosts: 11, part: 0.5 }, clear: { hosts: 8, part: 0.35 } };
const CROWD_MIN = 3;
/** How many names a sentence has. */
const NAMED_MAX = 10;
const MANY = 'host-unreachable:many';

export function hostFindingId(host: string): string {
  return `host-unreachable:${host}`;
}

/** How many hosts nobody hears, and how many there are that have not left. */
export interface Reach {
  readonly unreachable: number;
  readonly hosts: number;
}

/**
 * What is to be said of the hosts that nobody hears.
 *
 * @param silent those that have been so for long enough; each is in one verdict
 */
export function unreachableVerdicts(fleet: Fleet, silent: readonly Host[], reach: Reach): Verdict[] {
  const { unreachable, hosts } = reach;
  const mark = fleet.standing(MANY) ? CROWD.clear : CROWD.raise;
  const crowd = unreachable >= CROWD_MIN && (unreachable >= mark.hosts || unreachable > mark.part * hosts);
  if (!crowd) return silent.map((host) => ofHost(fleet, host));
  // Whoever was told of a host by itself is told by itself that it is back.
  const own = silent.filter(({ id }) => fleet.standing(hostFindingId(id)));
  const others = silent.filter((host) => !own.includes(host));
  return [...own.map((host) => ofHost(fleet, host)), ...(others.length > 0 ? [ofMany(others, reach)] : [])];
}

function ofHost(fleet: Fleet, host: Host): Verdict {
  const { id, name, stateSince } = host;
  const standing = fleet.standing(hostFindingId(id))?.value;
  return verdictOf({
    id: hostFindingId(id),
    kind: 'host-unreachable',
    severity: 'warning',
    parties: [hostParty(host)],
    // What was lost with it; its leases end meanwhile, which is no news of the host.
    summary:
      standing?.summary ?? `The host ${name} has been unreachable since ${seconds(stateSince)}. ${lostWith(fleet, id)}`,
    remedies: [
      `look whether ${name} and its agent run, and whether it reaches a coordinator`,
      `portolan hosts --forget ${id} (if it will not come back)`,
    ],
  });
}

function ofMany(hosts: readonly Host[], reach: Reach): Verdict {
  const names = hosts.map(({ name }) => name).sort();
  const more = names.length > NAMED_MAX ? `, and ${names.length - NAMED_MAX} more` : '';
  const since = seconds(hosts.map(({ stateSince }) => stateSince).sort()[0]!);
  return verdictOf({
    id: MANY,
    kind: 'host-unreachable',
    severity: 'warning',
    parties: hosts
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, 100)
      .map(hostParty),
    ...(hosts.length > 100 && { partyCount: hosts.length }),
    summary: `${reach.unreachable} of ${reach.hosts} hosts are unreachable, the first since ${since}: ${names.slice(0, NAMED_MAX).join(', ')}${more}. So many at once point to the network or to the coordinators rather than to the hosts.`,
    remedies: [
      'look whether these hosts reach a coordinator, and whether all coordinators run',
      'portolan hosts (who is unreachable, and since when)',
    ],
  });
}

function lostWith(fleet: Fleet, id: string): string {
  const services = new Set<string>();
  for (const { value } of fleet.listenersOf(id).values()) if (value.identity) services.add(value.identity.service);
  const leases = new Set<string>();
  for (const { value } of fleet.all('assignment')) if (value.lease && value.host === id) leases.add(value.lease.id);
  const held =
    leases.size === 0 ? '' : `, and ${count(leases.size, 'lease')} ${leases.size === 1 ? 'is' : 'are'} held for it`;
  return `${count(services.size, 'service')} listened there when it was last heard${held}.`;
}

export function coordinatorFindingId(id: string): string {
  return `coordinator-missing:${id}`;
}

/** @param coordinator one that is missing */
export function missingVerdict(coordinator: Coordinator): Verdict {
  const { id, stateSince, version } = coordinator;
  return verdictOf({
    id: coordinatorFindingId(id),
    kind: 'coordinator-missing',
    severity: 'warning',
    summary: `The coordinator ${nameOfCoordinator(coordinator)}, version ${version}, has been gone since ${seconds(stateSince)}, and did not say that it stops.`,
    remedies: [
      `start it again on ${coordinator.host}, or look there at what its log says`,
      'if it is gone for good nothing needs to be done: it is forgotten after a day',
    ],
  });
}

/** What was so for a while, and could not be told while it was. */
export interface PastOutage {
  readonly what: 'store' | 'leader';
  /** ISO 8601. */
  readonly from: string;
  readonly to: string;
}

export function outageVerdict({ what, from, to }: PastOutage): Verdict {
  const lasted = duration(Date.parse(to) - Date.parse(from));
  const when = `from ${seconds(from)} to ${seconds(to)}, for ${lasted}`;
  return what === 'store'
    ? verdictOf({
        id: 'store-unavailable',
        kind: 'store-unavailable',
        severity: 'warning',
        summary: `The store could not be reached ${when}. Meanwhile nothing could be reserved, no lease ended and no finding was computed. It answers again.`,
        remedies: ['look at what the log of the store says of that time', 'portolan doctor --redis'],
      })
    : verdictOf({
        id: 'no-leader',
        kind: 'no-leader',
        severity: 'warning',
        summary: `No coordinator led ${when}. Meanwhile no lease ended, no finding was computed and no alert was sent. One leads again.`,
        remedies: ['look at what the logs of the coordinators say of that time', 'portolan doctor'],
      });
}

/** Times of sentences: to the second, in UTC. */
function seconds(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}

function duration(ms: number): string {
  const all = Math.max(1, Math.round(ms / 1000));
  if (all < 120) return `${all} s`;
  const minutes = Math.floor(all / 60);
  return minutes < 120 ? `${minutes} min ${all % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
