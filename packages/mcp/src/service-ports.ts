import { type Host, isClient, isContainerInternal, type ServiceView } from '@portolan/model';

/** Where a service listens, and where it should, as `api 3050/tcp` or `api#2 3051/tcp`. */
export interface ServicePorts {
  /** Its own ports that it listens on. */
  readonly bound: string[];
  /** On which nobody listens. */
  readonly pending: string[];
  /** On which only somebody else listens. */
  readonly squatted: string[];
  /** That it listens on and has not reserved, as `3052/tcp`. */
  readonly unreserved: string[];
}

/** @param hosts tell which sockets are no servers' */
export function servicePorts(
  { assignments, listeners }: Pick<ServiceView, 'assignments' | 'listeners'>,
  hosts: ReadonlyMap<string, Host>,
): ServicePorts {
  const of = (wanted: ServiceView['assignments'][number]['state']) =>
    assignments.filter(({ state }) => state === wanted).map((each) => `${labelOf(each.endpoint)} ${numberOf(each)}`);
  const reserved = new Set(assignments.map(numberOf));
  const seen = listeners.filter((each) => !isContainerInternal(each) && !isClient(each, hosts.get(each.host)));
  const unreserved = new Set(seen.map(numberOf).filter((each) => !reserved.has(each)));
  return { bound: of('bound'), pending: of('pending'), squatted: of('squatted'), unreserved: [...unreserved] };
}

function labelOf({ label, instance }: { label: string; instance: number }): string {
  return instance === 1 ? label : `${label}#${instance}`;
}

function numberOf({ port, protocol }: { port: number; protocol: string }): string {
  return `${port}/${protocol}`;
}
