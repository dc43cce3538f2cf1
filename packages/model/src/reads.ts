import type { AssignmentView, Page, PortReport, ServiceView } from './api.ts';
import type { Assignment } from './assignment.ts';
import { canonicalEndpoint, canonicalListener } from './canonical.ts';
import { choosePorts } from './choose.ts';
import { type EntryKind, type EntryValue, key } from './entry.ts';
import type { Fleet, Held } from './fleet.ts';
import { parseServiceId, type ServiceId } from './identity.ts';
import type { HostListener } from './listener.ts';
import { plannedId } from './plan.ts';
import { isListenerOf } from './plan-judgement.ts';
import { contains, HIGHEST_PORT, type Interval, type Protocol, protocols } from './port.ts';
import { fieldOf } from './port-field.ts';
import type { Version } from './position.ts';
import { SYSTEM_BLOCK } from './range.ts';
import { assignmentState } from './rules.ts';

export interface Paging {
  readonly limit: number;
  /** The cursor that the last page gave. */
  readonly after?: string | undefined;
}

/** A page of the entries of a kind that pass the test, in the order of their keys. */
export function page<K extends EntryKind, T = EntryValue<K>>(
  fleet: Fleet,
  held: Iterable<Held<K>>,
  { limit, after }: Paging,
  passes: (held: Held<K>) => boolean,
  show: (held: Held<K>) => T,
): Page<T> {
  const passing = Array.from(held).filter((each) => (after === undefined || each.key > after) && passes(each));
  passing.sort((a, b) => (a.key < b.key ? -1 : 1));
  const shown = passing.slice(0, limit);
  const next = passing.length > limit ? shown.at(-1)!.key : null;
  return { items: shown.map(show), position: fleet.position, next };
}

export function assignmentView(fleet: Fleet, held: Held<'assignment'>): AssignmentView {
  return viewOfAssignment(fleet, held.value, held.version);
}

/** A listener, and whether that is still known. */
export function listenerView(fleet: Fleet, listener: HostListener): HostListener {
  return fleet.host(listener.host)?.state === 'unreachable' ? { ...listener, stale: true } : listener;
}

/** Everything known of one port number, on both protocols unless one is named. */
export function portReport(fleet: Fleet, port: number, protocol?: Protocol): PortReport {
  const asked = protocol ? [protocol] : protocols;
  const listeners = asked.flatMap((each) =>
    Array.from(fleet.listeners(each, port), ({ value }) => listenerView(fleet, value)),
  );
  const hosts = new Map(
    listeners.flatMap(({ host }) => {
      const known = fleet.host(host);
      return known ? [[host, known] as const] : [];
    }),
  );
  const covers = (interval: Interval) => contains(interval, port);
  const blocks = [SYSTEM_BLOCK, ...Array.from(fleet.all('block'), ({ value }) => value)];
  return {
    port,
    assignments: asked.flatMap((each) => fleet.assignment(each, port) ?? []).map((held) => assignmentView(fleet, held)),
    listeners,
    resting: asked.flatMap((each) => fleet.resting(each, port)?.value ?? []),
    blocks: blocks.filter(
      (block) => covers(block) && (!protocol || block.protocol === null || block.protocol === protocol),
    ),
    ranges: Array.from(fleet.all('range'), ({ value }) => value).filter(covers),
    findings: asked
      .flatMap((each) => Array.from(fleet.findings(each, port), ({ value }) => value))
      .filter(({ state }) => state !== 'resolved'),
    hosts: Object.fromEntries(hosts),
    position: fleet.position,
  };
}

/** Ports that a reservation could be given now: a look, not a promise. */
export function freePorts(
  fleet: Fleet,
  request: { project: string; range?: string | undefined; count: number; order?: 'lowest' | 'spread' | undefined },
): { ports: number[]; field: string } {
  const { range } = request;
  const field = fieldOf(fleet, {
    project: request.project,
    ...(range !== undefined && { range }),
    order: request.order,
  });
  const choice = choosePorts(
    {
      count: 1,
      maxAttempts: HIGHEST_PORT,
      intervals: field.intervals,
      avoid: field.avoid,
      order: request.order ?? 'lowest',
      start: Math.random(),
      wanted: request.count,
    },
    { taken: fleet.use.taken, obstacle: () => null },
  );
  return { ports: choice.ok ? choice.candidates : [], field: field.name };
}

/** Services that are planned, have an assignment or a listener, in the order of their ids: the first so many of them. */
export function services(fleet: Fleet, only?: (id: string) => boolean, most?: number): ServiceView[] {
  const ids = new Set<ServiceId>(fleet.assignedServices());
  for (const { value } of fleet.all('service')) ids.add(plannedId(value));
  for (const { value } of fleet.all('listener')) if (value.identity) ids.add(serviceOfListener(fleet, value));
  return Array.from(ids)
    .filter((id) => !only || only(id))
    .sort()
    .slice(0, most)
    .map((id) => serviceView(fleet, id));
}

/** All that is known of a service; nothing of one that nobody has heard of. */
export function serviceView(fleet: Fleet, id: ServiceId): ServiceView {
  const assignments = fleet.assignmentsOf(id).map((held) => assignmentView(fleet, held));
  const plan = fleet.get('service', key.service(id))?.value ?? null;
  const names = new Set([parseServiceId(id).service, ...(plan?.aliases ?? [])]);
  const namesakes = Array.from(names).flatMap((name) => Array.from(fleet.plan.listeners(name), ({ value }) => value));
  return {
    id,
    plan,
    assignments: assignments.sort((a, b) => a.port - b.port),
    listeners: namesakes
      .filter((each) => serviceOfListener(fleet, each) === id)
      .map((each) => listenerView(fleet, each)),
    health: Array.from(fleet.plan.healthOf(id), ({ value }) => value),
  };
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
  const seen = Array.from(listeners, ({ value }) => canonicalListener(fleet, value));
  const promised = { ...assignment, endpoint: canonicalEndpoint(fleet, assignment.endpoint) };
  return { ...assignment, token, state: assignmentState(promised, seen, (id) => fleet.host(id)) };
}
