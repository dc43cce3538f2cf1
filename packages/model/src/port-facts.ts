import type { Party } from './finding.ts';
import type { Host } from './host.ts';
import { type Endpoint, parseServiceId, type ServiceId, serviceId, UNKNOWN_PROJECT } from './identity.ts';
import { contains } from './interval.ts';
import { HOST_NETNS, type HostListener, type Listener } from './listener.ts';
import { isCalledPortolan } from './own-process.ts';
import type { Protocol } from './port.ts';
import { likeness } from './proof.ts';
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
 * The sides of a port, by name, the unidentified last. Clients are left out, save those of services that claim the port.
 *
 * - `unknown/x` joins the one known service that is called `x`; where there are several it may be any of them, and counts
 *   as unidentified.
 * - So does a listener whose project is a guess, beside a service of its name whose project is not: it may be that one.
 *   Services whose projects are all guessed may be one, and are one side.
 * - What is Portolan's own is one side: agents and coordinators share their numbers everywhere. Beside it, what is only
 *   called so is on that side, too: it may be a coordinator that the agent of its host does not know.
 */
export function sidesOf(facts: PortFacts): Side[] {
  const isClaimed = ({ identity }: HostListener) =>
    identity !== null && facts.claims.some(({ endpoint }) => likeness(identity, serviceId(endpoint)) !== 'other');
  const listeners = facts.listeners.filter(
    (each) => !isContainerInternal(each) && (!isClient(each, facts.host(each.host)) || isClaimed(each)),
  );
  const resolve = sideResolver(
    facts.claims.map(({ endpoint }) => serviceId(endpoint)),
    listeners.flatMap(({ identity }) => identity ?? []),
  );
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
    const { identity, process } = listener;
    const isPerhapsOwn = identity?.evidence.kind === 'command' && process !== null && isCalledPortolan(process);
    const service = identity && resolve(identity.service, { ...identity.evidence, ...(isPerhapsOwn && { own: true }) });
    const byChance = isByChance(listener, facts.host(listener.host));
    sideOf(service).listeners.push({ listener, place: place(listener.host), byChance });
  }
  return [...sides.values()].sort((a, b) => byName(a.service, b.service));
}

type Identity = NonNullable<Listener['identity']>;

/** Tells which side a claim, or a listener with this evidence, belongs to; `null`: it may be of several. */
function sideResolver(
  claimed: readonly ServiceId[],
  seen: readonly Identity[],
): (service: ServiceId, evidence?: Partial<Identity['evidence']>) => ServiceId | null {
  const isKnown = (service: ServiceId) => parseServiceId(service).project !== UNKNOWN_PROJECT;
  const of = (wanted: (identity: Identity) => boolean) => seen.filter(wanted).map(({ service }) => service);
  const [own] = of(({ evidence }) => evidence.own === true).sort();
  const sure = new Set([...claimed, ...of(({ evidence }) => !evidence.guess)].filter(isKnown));
  const guessed = new Set(of(({ evidence }) => evidence.guess === true).filter((service) => !sure.has(service)));
  const named = (services: ReadonlySet<ServiceId>) =>
    Map.groupBy(services, (service) => parseServiceId(service).service);
  const [namesakes, guesses] = [named(sure), named(guessed)];
  return (service, { guess, own: isOwn } = {}) => {
    if (isOwn && own !== undefined) return own;
    if (sure.has(service)) return service;
    const { service: name } = parseServiceId(service);
    const known = namesakes.get(name) ?? [];
    if (known.length > 0) return known.length === 1 && !guess ? known[0]! : null;
    const perhaps = guesses.get(name) ?? [];
    return perhaps.length === 1 ? perhaps[0]! : serviceId({ project: UNKNOWN_PROJECT, service: name });
  };
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
