import type { Alias } from './alias.ts';
import type { Assignment } from './assignment.ts';
import { canonicalEndpoint, canonicalListener } from './canonical.ts';
import { key } from './entry.ts';
import type { Finding, Verdict } from './finding.ts';
import type { Fleet, Touch } from './fleet.ts';
import type { Host } from './host.ts';
import { serviceId } from './identity.ts';
import type { HostListener } from './listener.ts';
import { type PlannedService, plannedId } from './plan.ts';
import { type Interval, type Protocol, protocols } from './port.ts';
import type { Claim } from './port-facts.ts';
import { judgePort } from './rules.ts';

/** The kinds that follow from the state of a port alone. Others are raised where the matter happens. */
const JUDGED: ReadonlySet<Finding['kind']> = new Set(['collision', 'squatting', 'blocked-port']);

/** The findings of a port that differ from those that stand. */
export function judged(fleet: Fleet, portKey: string, now: string): Finding[] {
  const [protocol, number] = portKey.split('/') as [Protocol, string];
  const port = Number(number);
  const listeners = fleet.listeners(protocol, port);
  const standing = fleet.findings(protocol, port);
  if (isQuiet(fleet, protocol, port)) return [];
  const assignment = fleet.assignment(protocol, port)?.value;
  const claims = assignment ? claimsOf(fleet, assignment) : [];
  const verdicts = judgePort({
    protocol,
    port,
    claims,
    listeners: Array.from(listeners, ({ value }) => canonicalListener(fleet, value)),
    host: (id) => fleet.host(id),
    blocks: Array.from(fleet.all('block'), ({ value }) => value).filter(
      (block) => block.from <= port && port <= block.to && (block.protocol === null || block.protocol === protocol),
    ),
  });
  const changed = verdicts.flatMap((verdict) =>
    merged(fleet.get('finding', key.finding(verdict.id))?.value, verdict, now),
  );
  for (const { value } of standing) {
    if (!JUDGED.has(value.kind) || value.state === 'resolved' || verdicts.some(({ id }) => id === value.id)) continue;
    changed.push({ ...value, state: 'resolved', lastChanged: now });
  }
  return changed;
}

/** A service that is planned for several hosts claims its port on each of them, and not elsewhere. */
function claimsOf(fleet: Fleet, { endpoint, host, grantedAt: since }: Assignment): Claim[] {
  const planned = fleet.get('service', key.service(serviceId(endpoint)))?.value.hosts ?? [];
  const hosts = host === undefined && planned.length > 0 ? planned : [host ?? null];
  return hosts.map((each) => ({ endpoint: canonicalEndpoint(fleet, endpoint), host: each, since }));
}

/** Most ports have an owner and nobody else: there is nothing to find. */
function isQuiet(fleet: Fleet, protocol: Protocol, port: number): boolean {
  return (
    fleet.listeners(protocol, port).size === 0 &&
    fleet.findings(protocol, port).size === 0 &&
    fleet.count('block') === 0
  );
}

/** A verdict with its history; nothing when it says what the finding says already. */
export function merged(before: Finding | undefined, verdict: Verdict, now: string): Finding[] {
  if (!before || before.state === 'resolved') {
    // What somebody knew of it may well hold when it comes back.
    return [
      { ...verdict, state: 'open', firstSeen: now, lastChanged: now, ...(before?.note && { note: before.note }) },
    ];
  }
  const { state, firstSeen, lastChanged, note, ...said } = before;
  if (JSON.stringify(said) === JSON.stringify(verdict)) return [];
  // What was acknowledged and got worse has to be seen again.
  const worse = before.class === 'latent' && verdict.class === 'active';
  return [{ ...verdict, state: worse ? 'open' : state, firstSeen, lastChanged: now, ...(note && { note }) }];
}

/** Every `<protocol>/<port>` that has somebody or something to say of it. */
export function portsInUse(fleet: Fleet): string[] {
  const ports = new Set<string>();
  for (const kind of ['assignment', 'listener'] as const) {
    for (const { value } of fleet.all(kind)) ports.add(`${value.protocol}/${value.port}`);
  }
  for (const { value } of fleet.all('finding')) {
    if (value.state !== 'resolved' && value.port !== null) ports.add(`${value.protocol}/${value.port}`);
  }
  return [...ports];
}

/** The ports whose findings a change may alter. */
export function portsOf(fleet: Fleet, { kind, before, after }: Touch): string[] {
  const values = [before?.value, after?.value].filter((value) => value !== undefined);
  switch (kind) {
    case 'assignment': {
      const { protocol, port } = (after ?? before)!.value as Assignment;
      return isQuiet(fleet, protocol, port) ? [] : [`${protocol}/${port}`];
    }
    case 'listener':
      return (values as Pick<HostListener, 'protocol' | 'port'>[]).map(({ protocol, port }) => `${protocol}/${port}`);
    case 'service':
      return fleet
        .assignmentsOf(plannedId(values[0] as PlannedService))
        .map(({ value }) => `${value.protocol}/${value.port}`);
    case 'alias':
      return usedBy(fleet, new Set((values as Alias[]).flatMap(({ service, of }) => [service, of])));
    case 'block':
      return (values as Interval[]).flatMap((interval) => usedWithin(fleet, interval));
    case 'host': {
      const [old, now] = [before?.value, after?.value] as (Host | undefined)[];
      if (!now || (old?.name === now.name && sameInterval(old.ephemeral, now.ephemeral))) return [];
      return Array.from(fleet.listenersOf(now.id).values(), ({ value }) => `${value.protocol}/${value.port}`);
    }
    default:
      return [];
  }
}

function sameInterval(a: Interval | null, b: Interval | null): boolean {
  return a?.from === b?.from && a?.to === b?.to;
}

function usedBy(fleet: Fleet, services: ReadonlySet<string>): string[] {
  const ports = new Set<string>();
  for (const { value } of fleet.all('listener')) {
    if (value.identity && services.has(value.identity.service)) ports.add(`${value.protocol}/${value.port}`);
  }
  for (const { value } of [...services].flatMap((service) => fleet.assignmentsOf(service))) {
    ports.add(`${value.protocol}/${value.port}`);
  }
  return [...ports];
}

function usedWithin(fleet: Fleet, { from, to }: Interval): string[] {
  const ports: string[] = [];
  for (let port = from; port <= to; port++) {
    for (const protocol of protocols) {
      if (fleet.assignment(protocol, port) || fleet.listeners(protocol, port).size > 0)
        ports.push(`${protocol}/${port}`);
    }
  }
  return ports;
}
