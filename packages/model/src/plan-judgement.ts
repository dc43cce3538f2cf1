import type { Assignment } from './assignment.ts';
import { key } from './entry.ts';
import type { Verdict } from './finding.ts';
import type { Fleet, Touch } from './fleet.ts';
import type { Host } from './host.ts';
import { parseServiceId, type ServiceId, serviceId, UNKNOWN_PROJECT } from './identity.ts';
import type { HostListener } from './listener.ts';
import { type PlannedService, plannedId } from './plan.ts';
import { judgePlanned, likenessToPlanned, type PlannedFacts, type PlannedPort } from './plan-rules.ts';
import type { Protocol } from './port.ts';
import { rulesOf } from './port-field.ts';

/** What is at odds with the plan of a service; nothing for one that no plan names any more. */
export function planVerdicts(fleet: Fleet, id: ServiceId): Verdict[] {
  const planned = fleet.get('service', key.service(id))?.value;
  return planned ? judgePlanned(factsOf(fleet, planned)) : [];
}

/** The endpoints of a planned service that have a port, written or chosen. */
export function plannedPorts(fleet: Fleet, { project, name, endpoints }: PlannedService): PlannedPort[] {
  return endpoints.flatMap((endpoint) => {
    const { label, protocol, port } = endpoint;
    if (port === 'none') return [];
    if (port !== 'auto') return [{ endpoint, port }];
    const held = fleet.assignmentOf({ project, service: name, label, instance: 1 }, protocol);
    return held ? [{ endpoint, port: held.value.port }] : [];
  });
}

/** Whether a listener is this service, as far as its identity tells. */
export function isListenerOf(
  fleet: Fleet,
  planned: PlannedService,
  { identity, protocol, port }: HostListener,
): boolean {
  if (!identity || likenessToPlanned(planned, identity) !== 'same') return false;
  const { project, service } = parseServiceId(identity.service);
  if (project !== UNKNOWN_PROJECT || fleet.plan.named(service).size < 2) return true;
  // Several services go by this name: it is the one whose port it has.
  return plannedPorts(fleet, planned).some((each) => each.port === port && each.endpoint.protocol === protocol);
}

function factsOf(fleet: Fleet, planned: PlannedService): PlannedFacts {
  const names = new Set([planned.name, ...planned.aliases]);
  const listeners = Array.from(names).flatMap((name) => fleet.plan.listeners(name).map(({ value }) => value));
  return {
    service: planned,
    ports: plannedPorts(fleet, planned),
    own: listeners.filter((each) => isListenerOf(fleet, planned, each)),
    on: (protocol, port) => Array.from(fleet.listeners(protocol, port), ({ value }) => value),
    ranges: rulesOf(fleet).ranges,
    health: Array.from(fleet.plan.healthOf(plannedId(planned)), ({ value }) => value),
    host: (idOrName) => hostOf(fleet, idOrName),
    watched: isWatched(fleet),
  };
}

/** A name that several have tells nothing. */
function hostOf(fleet: Fleet, idOrName: string): Host | undefined {
  const [host, ...others] = fleet.hostsCalled(idOrName);
  return others.length === 0 ? host : undefined;
}

function isWatched(fleet: Fleet): boolean {
  for (const { value } of fleet.all('host')) if (value.state === 'alive') return true;
  return false;
}

/** Every service that a plan names, or that something is left of. */
export function plannedServices(fleet: Fleet): ServiceId[] {
  const ids = new Set<ServiceId>(Array.from(fleet.all('service'), ({ value }) => plannedId(value)));
  for (const id of fleet.plan.accused) ids.add(id);
  for (const id of fleet.plan.examined) ids.add(id);
  return [...ids];
}

/** The planned services whose findings and health checks a change may alter. */
export function plannedServicesOf(fleet: Fleet, { kind, before, after }: Touch): Iterable<ServiceId> {
  if (kind === 'service') return [plannedId((after ?? before)!.value as PlannedService)];
  if (fleet.count('service') === 0) return [];
  const values = [before?.value, after?.value].filter((value) => value !== undefined);
  switch (kind) {
    case 'range':
      return plannedServices(fleet);
    case 'assignment':
      return (values as Assignment[]).flatMap(({ endpoint, protocol, port }) => [
        ...planned(fleet, [serviceId(endpoint)]),
        ...fleet.plan.at(protocol, port),
      ]);
    case 'listener':
      return (values as HostListener[]).flatMap((listener) => [
        ...named(fleet, listener),
        ...holding(fleet, listener.protocol, listener.port),
      ]);
    case 'health':
      return planned(fleet, [(values[0] as { service: ServiceId }).service]);
    case 'host':
      return ofHost(fleet, values as Host[]);
    default:
      return [];
  }
}

function planned(fleet: Fleet, ids: readonly ServiceId[]): ServiceId[] {
  return ids.filter((id) => fleet.has(key.service(id)));
}

function named(fleet: Fleet, { identity }: HostListener): Iterable<ServiceId> {
  return identity ? fleet.plan.named(parseServiceId(identity.service).service) : [];
}

function holding(fleet: Fleet, protocol: Protocol, port: number): ServiceId[] {
  const owner = fleet.assignment(protocol, port)?.value.endpoint;
  return [...fleet.plan.at(protocol, port), ...(owner ? planned(fleet, [serviceId(owner)]) : [])];
}

function ofHost(fleet: Fleet, values: readonly Host[]): ServiceId[] {
  const [first, last] = [values[0]!, values.at(-1)!];
  if (values.length === 2 && first.state === last.state && first.name === last.name) return [];
  const alive = Array.from(fleet.all('host')).filter(({ value }) => value.state === 'alive').length;
  // The first that looks, or the last one that did.
  if (alive < 2) return plannedServices(fleet);
  const names = new Set(values.flatMap(({ id, name }) => [id, name]));
  const placed = Array.from(fleet.all('service'), ({ value }) => value).filter(({ hosts }) =>
    hosts.some((host) => names.has(host)),
  );
  const seen = Array.from(fleet.listenersOf(last.id).values()).flatMap(({ value }) => [...named(fleet, value)]);
  return [...placed.map(plannedId), ...seen];
}
