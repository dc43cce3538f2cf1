import type { AssignmentView, Page, PortReport, ServiceView } from './api.ts';
import type { Assignment } from './assignment.ts';
import { canonicalEndpoint, canonicalListener } from './canonical.ts';
import { type EntryKind, type EntryValue, key } from './entry.ts';
import type { Fleet, Held } from './fleet.ts';
import { parseServiceId, type ServiceId, UNKNOWN_PROJECT } from './identity.ts';
import { contains } from './interval.ts';
import type { HostListener } from './listener.ts';
import { Pager, type Paging } from './pager.ts';
import { plannedId } from './plan.ts';
import { isListenerOf } from './plan-judgement.ts';
import { type Interval, type Protocol, protocols } from './port.ts';
import { kernelNotes } from './port-note.ts';
import type { Version } from './position.ts';
import { SYSTEM_BLOCK } from './range.ts';
import { assignmentState } from './rules.ts';
import { SHOWN_MAX, sample } from './sample.ts';

/** Of one service, and of one port: each finding may name a hundred parties. */
const ASSIGNMENTS_SHOWN = 1_000;
const FINDINGS_SHOWN = 20;

/** A page of the entries of a kind that pass the test, in the order of their keys. */
export function page<K extends EntryKind, T = EntryValue<K>>(
  fleet: Fleet,
  held: Iterable<Held<K>>,
  paging: Paging,
  passes: (held: Held<K>) => boolean,
  show: (held: Held<K>) => T,
): Page<T> {
  const pager = new Pager<Held<K>>(paging, (each) => each.key);
  for (const each of held) if (pager.wants(each) && passes(each)) pager.offer(each);
  const { items, more } = pager.page();
  return { items: items.map(show), position: fleet.position, next: more ? items.at(-1)!.key : null };
}

export function assignmentView(fleet: Fleet, held: Held<'assignment'>): AssignmentView {
  return viewOfAssignment(fleet, held.value, held.version);
}

/** A listener, and whether that is still known. */
export function listenerView(fleet: Fleet, listener: HostListener): HostListener {
  return fleet.host(listener.host)?.state === 'unreachable' ? { ...listener, stale: true } : listener;
}

/**
 * Everything known of one port number, on both protocols unless one is named. Of many listeners those of each service are
 * shown first, of many findings the first ones; the counts tell how many there are.
 *
 * @param asker id of the host that asks: it may be where a port is used that is promised for no host by name
 */
export function portReport(fleet: Fleet, port: number, protocol?: Protocol, asker?: string): PortReport {
  const asked = protocol ? [protocol] : protocols;
  const { shown, count } = sample(
    asked.flatMap((each) => Array.from(fleet.listeners(each, port), ({ value }) => value)),
    ({ identity, protocol }) => `${protocol} ${identity?.service}`,
  );
  const findings = asked
    .flatMap((each) => Array.from(fleet.findings(each, port), ({ value }) => value))
    .filter(({ state }) => state !== 'resolved');
  const hosts = new Map(
    shown.flatMap(({ host }) => {
      const known = fleet.host(host);
      return known ? [[host, known] as const] : [];
    }),
  );
  const covers = (interval: Interval) => contains(interval, port);
  const assignments = asked.flatMap((each) => fleet.assignment(each, port) ?? []);
  const places = new Set(assignments.length > 0 ? assignments.map(({ value }) => value.host ?? asker) : [asker]);
  const notes = Array.from(places, (id) => (id === undefined ? undefined : fleet.host(id)))
    .filter((host) => host !== undefined)
    .flatMap((host) => kernelNotes(host, [port]));
  const blocks = [SYSTEM_BLOCK, ...Array.from(fleet.all('block'), ({ value }) => value)];
  return {
    port,
    assignments: assignments.map((held) => assignmentView(fleet, held)),
    listeners: shown.map((each) => listenerView(fleet, each)),
    listenerCount: count,
    resting: asked.flatMap((each) => fleet.resting(each, port)?.value ?? []),
    blocks: blocks
      .filter((block) => covers(block) && (!protocol || block.protocol === null || block.protocol === protocol))
      .slice(0, SHOWN_MAX),
    ranges: Array.from(fleet.all('range'), ({ value }) => value)
      .filter(covers)
      .slice(0, SHOWN_MAX),
    findings: findings.slice(0, FINDINGS_SHOWN),
    findingCount: findings.length,
    hosts: Object.fromEntries(hosts),
    notes,
    position: fleet.position,
  };
}

/** Services that are planned, have an assignment or a listener, in the order of their ids: the first so many of them. */
export function services(fleet: Fleet, only?: (id: string) => boolean, most?: number): ServiceView[] {
  return Array.from(new Set(serviceIds(fleet)))
    .filter((id) => !only || only(id))
    .sort()
    .slice(0, most)
    .map((id) => serviceView(fleet, id));
}

/** Of all of them, in no particular order; some come twice. */
export function* serviceIds(fleet: Fleet): Generator<ServiceId, void, undefined> {
  yield* fleet.assignedServices();
  for (const { value } of fleet.all('service')) yield plannedId(value);
  for (const [seen, listeners] of fleet.plan.seen()) {
    if (isItself(fleet, seen)) yield seen;
    else for (const { value } of listeners) yield serviceOfListener(fleet, value);
  }
}

/**
 * All that is known of a service; nothing of one that nobody has heard of. Of many listeners those of each port are shown
 * first, of many health checks those that fail; the counts tell how many there are.
 */
export function serviceView(fleet: Fleet, id: ServiceId): ServiceView {
  const assignments = fleet.assignmentsOf(id).sort((a, b) => a.value.port - b.value.port);
  const plan = fleet.get('service', key.service(id))?.value ?? null;
  const names = new Set([parseServiceId(id).service, ...(plan?.aliases ?? [])]);
  const hosts = new Set<string>();
  const listeners = sample(
    listenersOf(fleet, id, names, ({ host }) => hosts.add(host)),
    ({ protocol, port }) => `${protocol} ${port}`,
  );
  const health = Array.from(fleet.plan.healthOf(id), ({ value }) => value);
  const failing = health.filter(({ state }) => state === 'failing');
  return {
    id,
    plan,
    assignments: assignments.slice(0, ASSIGNMENTS_SHOWN).map((held) => assignmentView(fleet, held)),
    assignmentCount: assignments.length,
    listeners: listeners.shown.map((each) => listenerView(fleet, each)),
    listenerCount: listeners.count,
    hostCount: hosts.size,
    health: [...failing, ...health.filter(({ state }) => state !== 'failing')].slice(0, SHOWN_MAX),
    healthCount: health.length,
  };
}

/** @param told each that is its */
function* listenersOf(
  fleet: Fleet,
  id: ServiceId,
  names: ReadonlySet<string>,
  told: (listener: HostListener) => void,
): Generator<HostListener, void, undefined> {
  for (const name of names) {
    for (const seen of fleet.plan.seenAs(name)) {
      const itself = isItself(fleet, seen);
      if (itself && seen !== id) continue;
      for (const { value } of fleet.plan.listenersOf(seen)) {
        if (!itself && serviceOfListener(fleet, value) !== id) continue;
        told(value);
        yield value;
      }
    }
  }
}

/** Whether all listeners that are known as this service are of it: no planned one goes by its name as well. */
function isItself(fleet: Fleet, seen: ServiceId): boolean {
  if (fleet.has(key.service(seen))) return true;
  const { project, service } = parseServiceId(seen);
  for (const id of fleet.plan.named(service)) {
    if (project === UNKNOWN_PROJECT || parseServiceId(id).project === project) return false;
  }
  return true;
}

/** Whose a listener is: of one that its name alone tells, the planned service of that name. */
function serviceOfListener(fleet: Fleet, listener: HostListener): ServiceId {
  const { service } = listener.identity!;
  if (fleet.has(key.service(service))) return service;
  for (const id of fleet.plan.named(parseServiceId(service).service)) {
    const planned = fleet.get('service', key.service(id))?.value;
    if (planned && isListenerOf(fleet, planned, listener)) return id;
  }
  return service;
}

/** Whether anybody has planned, reserved or seen it. */
export function isKnown({ plan, assignments, listeners }: ServiceView): boolean {
  return plan !== null || assignments.length > 0 || listeners.length > 0;
}

export function viewOfAssignment(fleet: Fleet, assignment: Assignment, token: Version): AssignmentView {
  const listeners = fleet.listeners(assignment.protocol, assignment.port);
  if (listeners.size === 0) return { ...assignment, token, state: 'pending' };
  const promised = { ...assignment, endpoint: canonicalEndpoint(fleet, assignment.endpoint) };
  return {
    ...assignment,
    token,
    state: assignmentState(promised, canonical(fleet, listeners), (id) => fleet.host(id)),
  };
}

function* canonical(fleet: Fleet, listeners: Iterable<Held<'listener'>>): Generator<HostListener, void, undefined> {
  for (const { value } of listeners) yield canonicalListener(fleet, value);
}
