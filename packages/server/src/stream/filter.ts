import {
  type Assignment,
  contains,
  type EntryKind,
  type EntryValue,
  type Filter,
  type Finding,
  type Health,
  type Held,
  type Host,
  type HostListener,
  type Interval,
  type PlannedService,
  parseServiceId,
  plannedId,
  type Range,
  type RestingPort,
  type StreamEvent,
  serviceId,
  type Task,
  type Topic,
  type Touch,
  topics,
} from '@portolan/model';
import type { HostNames } from './host-names.ts';

/** What a group of subscribers wants to hear of. */
export interface Interest {
  readonly topics: ReadonlySet<EntryKind>;
  readonly filter: Filter;
}

const streamed: ReadonlySet<EntryKind> = new Set(topics);

/** Whether anybody could hear of this kind of entry. */
export function isStreamed(kind: EntryKind): boolean {
  return streamed.has(kind);
}

/**
 * The event that a touch is for this interest. An entry that leaves the filter counts as deleted.
 *
 * @param names of the filter's host, where it has one
 * @param logged what the entry was before is not known: better tell a delete too many than leave it with somebody
 */
export function eventOf(
  interest: Interest,
  names: HostNames | undefined,
  { key, kind, before, after }: Touch,
  logged = false,
): StreamEvent | undefined {
  if (!interest.topics.has(kind)) return undefined;
  if (after && matches(interest, names, after)) return putEvent(after);
  if (logged) return { op: 'delete', topic: kind as Topic, key, value: null, version: null };
  return before && matches(interest, names, before) ? deleteEvent(before) : undefined;
}

export function putEvent(held: Held): StreamEvent {
  return { op: 'put', topic: held.kind as Topic, key: held.key, value: held.value, version: held.version };
}

export function deleteEvent(held: Held): StreamEvent {
  return { op: 'delete', topic: held.kind as Topic, key: held.key, value: held.value, version: null };
}

export function matches({ filter }: Interest, names: HostNames | undefined, held: Held): boolean {
  const facts = factsOf(held.kind, held.value);
  if (names && facts.hosts && !facts.hosts.some((host) => names.has(host))) return false;
  if (filter.ports && facts.ports && !overlap(filter.ports, facts.ports)) return false;
  if (filter.service !== undefined && facts.services && !facts.services.includes(filter.service)) return false;
  if (filter.project === undefined) return true;
  const projects = facts.projects ?? facts.services?.map((service) => parseServiceId(service).project);
  return !projects || projects.includes(filter.project);
}

/** Whether an entry is about one of these hosts. @param hosts ids and names */
export function isOfHost({ kind, value }: Held, hosts: ReadonlySet<string>): boolean {
  return factsOf(kind, value).hosts?.some((host) => hosts.has(host)) ?? false;
}

/** What a filter can ask of an entry; what is absent does not apply to its kind. */
interface Facts {
  readonly hosts?: readonly string[];
  readonly ports?: Interval;
  readonly services?: readonly string[];
  readonly projects?: readonly string[];
}

function factsOf(kind: EntryKind, value: EntryValue): Facts {
  switch (kind) {
    case 'assignment':
    case 'resting': {
      const { port, endpoint, host } = value as Assignment & RestingPort;
      return {
        ports: { from: port, to: port },
        services: [serviceId(endpoint)],
        ...(host !== undefined && { hosts: [host] }),
      };
    }
    case 'listener': {
      const { port, host, identity } = value as HostListener;
      return { ports: { from: port, to: port }, hosts: [host], services: identity ? [identity.service] : [] };
    }
    case 'finding': {
      const { port, parties } = value as Finding;
      return {
        ...(port !== null && { ports: { from: port, to: port } }),
        hosts: parties.flatMap(({ host }) => (host ? [host.id, host.name] : [])),
        services: parties.flatMap(({ service }) => service ?? []),
      };
    }
    case 'host': {
      const { id, name } = value as Host;
      return { hosts: [id, name] };
    }
    case 'service': {
      const planned = value as PlannedService;
      return {
        services: [plannedId(planned)],
        ...(planned.hosts.length > 0 && { hosts: planned.hosts }),
      };
    }
    case 'health': {
      const { host, service, check } = value as Health;
      return { hosts: [host], services: [service], ports: { from: check.port, to: check.port } };
    }
    case 'task':
      return { hosts: [(value as Task).host] };
    case 'range': {
      const { from, to, owner } = value as Range;
      return { ports: { from, to }, ...(owner !== null && { projects: [owner] }) };
    }
    case 'block':
      return { ports: value as Interval };
    default:
      return {};
  }
}

function overlap(a: Interval, b: Interval): boolean {
  return contains(a, b.from) || contains(b, a.from);
}
