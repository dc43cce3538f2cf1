import {
  type Assignment,
  type AssignmentView,
  choosePorts,
  contains,
  type EntryKind,
  type EntryValue,
  HIGHEST_PORT,
  type Interval,
  type Page,
  type PortReport,
  type Protocol,
  protocols,
  type ServiceView,
  SYSTEM_BLOCK,
} from '@portolan/model';
import { fieldOf } from './commands/ports.ts';
import { viewOf } from './commands/reserve.ts';
import type { Fleet, Held } from './fleet.ts';

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
  return viewOf(fleet, held.value, held.version);
}

/** Everything known of one port number, on both protocols unless one is named. */
export function portReport(fleet: Fleet, port: number, protocol?: Protocol): PortReport {
  const asked = protocol ? [protocol] : protocols;
  const listeners = asked.flatMap((each) => Array.from(fleet.listeners(each, port), ({ value }) => value));
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

/** Every service that has an assignment or a listener. */
export function services(fleet: Fleet, only?: (id: string) => boolean): ServiceView[] {
  const views = new Map<string, ServiceView>();
  const view = (id: string) => {
    let found = views.get(id);
    if (!found) views.set(id, (found = { id, assignments: [], listeners: [] }));
    return found;
  };
  for (const id of fleet.assignedServices()) {
    if (only && !only(id)) continue;
    view(id).assignments.push(...fleet.assignmentsOf(id).map((held) => assignmentView(fleet, held)));
  }
  for (const { value } of fleet.all('listener')) {
    const id = value.identity?.service;
    if (id !== undefined && (!only || only(id))) view(id).listeners.push(value);
  }
  for (const { assignments } of views.values()) assignments.sort((a: Assignment, b: Assignment) => a.port - b.port);
  return [...views.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
