import type { Party } from './finding.ts';
import type { Host } from './host.ts';
import { type Endpoint, parseServiceId, type ServiceId, sameService, serviceId, UNKNOWN_PROJECT } from './identity.ts';
import { contains } from './interval.ts';
import { HOST_NETNS, type HostListener, type Listener } from './listener.ts';
import type { Protocol } from './port.ts';
import type { Block } from './range.ts';

/** A port that an endpoint is declared to have: by an assignment or a manifest. */
export interface Claim {
  readonly endpoint: Endpoint;
  /** Id or name of the host that it is declared for; `null`: for any. */
  readonly host: string | null;
  /** ISO 8601. */
  readonly since: string | null;
}

/** Everything that the rules need to know of one (protocol, port). */
export interface PortFacts {
  readonly protocol: Protocol;
  readonly port: number;
  readonly claims: readonly Claim[];
  readonly listeners: readonly HostListener[];
  host(id: string): Host | undefined;
  /** Those made by users that cover this port and protocol; not the built-in system ports. */
  readonly blocks: readonly Block[];
}

export type Place = NonNullable<Party['host']>;

/** A claim, or a listener, with its host. */
export interface Declared {
  readonly endpoint: Endpoint;
  readonly place: Place | null;
  readonly since: string | null;
}
export interface Observed {
  readonly listener: HostListener;
  readonly place: Place;
  /** Nothing says that the process wanted this very port: known by its command alone, on a port of its kernel's choice. */
  readonly byChance: boolean;
}

/** One service with all that it claims and uses of a port; `null` gathers the listeners that nobody could identify. */
export interface Side {
  readonly service: ServiceId | null;
  readonly claims: Declared[];
  readonly listeners: Observed[];
}

/** A socket in a container's own network namespace is out of reach unless the container publishes its port. */
export function isContainerInternal(listener: Pick<Listener, 'netns' | 'container'>): boolean {
  return listener.netns !== HOST_NETNS && listener.container !== null && listener.container.publishes === null;
}

/**
 * Whether the kernel may have chosen the port: it lies in the ephemeral range of its host, and is not known to be one
 * that the process was given or a container publishes. Without knowledge of the host it is taken to be meant.
 */
function isEphemeral({ port, identity, container }: HostListener, host: Host | undefined): boolean {
  if (identity?.label != null || container?.publishes != null) return false;
  return host?.ephemeral != null && contains(host.ephemeral, port);
}

/** A udp socket without a remote end looks like a server's, but on an ephemeral port it is nearly always a client's. */
export function isClient(listener: HostListener, host: Host | undefined): boolean {
  return listener.protocol === 'udp' && isEphemeral(listener, host);
}

/** Whether nothing says that the process wanted this very port: known by its command alone, on one that its kernel may have chosen. */
export function isByChance(listener: HostListener, host: Host | undefined): boolean {
  return listener.identity?.evidence.kind === 'command' && isEphemeral(listener, host);
}

/**
 * The sides of a port, by name, the unidentified last. Clients are left out, save those of services that claim the port. `unknown/x` joins the one known service that is called `x`;
 * where there are several it may be any of them, and counts as unidentified.
 */
export function sidesOf(facts: PortFacts): Side[] {
  const isClaimed = ({ identity }: HostListener) =>
    identity !== null && facts.claims.some(({ endpoint }) => sameService(identity.service, serviceId(endpoint)));
  const listeners = facts.listeners.filter(
    (each) => !isContainerInternal(each) && (!isClient(each, facts.host(each.host)) || isClaimed(each)),
  );
  const resolve = serviceResolver([
    ...facts.claims.map(({ endpoint }) => serviceId(endpoint)),
    ...listeners.flatMap(({ identity }) => identity?.service ?? []),
  ]);
  const place = placeResolver(facts, listeners);
  const sides = new Map<ServiceId | null, Side>();
  const sideOf = (service: ServiceId | null): Side => {
    const known = sides.get(service);
    if (known) return known;
    const side = { service, claims: [], listeners: [] };
    sides.set(service, side);
    return side;
  };
  for (const { endpoint, host, since } of facts.claims) {
    sideOf(resolve(serviceId(endpoint))).claims.push({ endpoint, place: host === null ? null : place(host), since });
  }
  for (const listener of listeners) {
    const service = listener.identity && resolve(listener.identity.service);
    const byChance = isByChance(listener, facts.host(listener.host));
    sideOf(service).listeners.push({ listener, place: place(listener.host), byChance });
  }
  return [...sides.values()].sort((a, b) => byName(a.service, b.service));
}

function serviceResolver(services: readonly ServiceId[]): (service: ServiceId) => ServiceId | null {
  const isKnown = (service: ServiceId) => parseServiceId(service).project !== UNKNOWN_PROJECT;
  const all = [...new Set(services)];
  const known = all.filter(isKnown);
  const resolved = new Map<ServiceId, ServiceId | null>(known.map((service) => [service, service]));
  const namesakes = Map.groupBy(known, (service) => parseServiceId(service).service);
  for (const service of all) {
    if (isKnown(service)) continue;
    const candidates = namesakes.get(parseServiceId(service).service) ?? [service];
    resolved.set(service, candidates.length === 1 ? candidates[0]! : null);
  }
  return (service) => resolved.get(service) ?? null;
}

/** Claims name a host by its id or its name; a name is resolved among the hosts that the facts touch. */
function placeResolver(facts: PortFacts, listeners: readonly HostListener[]): (idOrName: string) => Place {
  const byId = new Map<string, Place>();
  const byHostName = new Map<string, Place>();
  const mentioned = [...listeners.map(({ host }) => host), ...facts.claims.flatMap(({ host }) => host ?? [])];
  for (const id of mentioned) {
    if (byId.has(id)) continue;
    const host = facts.host(id);
    if (!host) continue;
    const place = { id: host.id, name: host.name };
    byId.set(id, place);
    const namesake = byHostName.get(host.name);
    if (!namesake || place.id < namesake.id) byHostName.set(host.name, place);
  }
  return (idOrName) => byId.get(idOrName) ?? byHostName.get(idOrName) ?? { id: idOrName, name: idOrName };
}

function byName(a: ServiceId | null, b: ServiceId | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}
