import type { StoredToken } from './access.ts';
import { canonicalService } from './alias.ts';
import type { Assignment, RestingPort } from './assignment.ts';
import { SetDigest } from './digest.ts';
import { type EntryKind, type EntryValue, entryKinds, key, kindOf } from './entry.ts';
import type { Finding } from './finding.ts';
import { type Host, hostNameKey } from './host.ts';
import { type Endpoint, type ServiceId, serviceId } from './identity.ts';
import { listenerFingerprint } from './listener.ts';
import { PlanIndex } from './plan-index.ts';
import { HIGHEST_PORT, type Interval, type Protocol, protocols } from './port.ts';
import { isContainerInternal } from './port-facts.ts';
import { PortTally } from './port-tally.ts';
import { PortUse } from './port-use.ts';
import { PortolanError } from './portolan-error.ts';
import { ORIGIN, type Position, type Version } from './position.ts';
import type { Block, Range } from './range.ts';
import { addTo, removeFrom } from './set-index.ts';

/** A commit, as a fleet takes it in. */
export interface FleetChange {
  readonly position: Position;
  readonly revision: number;
  readonly epoch: number;
  /** `value` is JSON, and `decoded` what it says, where that is at hand. */
  readonly puts: readonly { readonly key: string; readonly value: string; readonly decoded?: unknown }[];
  readonly deletes: readonly string[];
}

/** A part of a fleet's whole state. */
export interface FleetPart {
  readonly entries: readonly { readonly key: string; readonly value: string; readonly version: Version }[];
  readonly position: Position;
  readonly epoch: number;
}

/** An entry of the store as the replica holds it. */
export interface Held<K extends EntryKind = EntryKind> {
  readonly key: string;
  readonly kind: K;
  readonly value: EntryValue<K>;
  readonly version: Version;
}

/** What a put or delete changed: `before` is absent for a new entry, `after` for one that is gone. */
export interface Touch {
  readonly key: string;
  readonly kind: EntryKind;
  readonly before: Held | undefined;
  readonly after: Held | undefined;
}

/** The commits of one group, applied. */
export interface Applied {
  readonly position: Position;
  readonly epoch: number;
  readonly touches: readonly Touch[];
}

/** The entry of each port, at its number: found without making its key. */
type ByPort<K extends EntryKind> = Record<Protocol, (Held<K> | undefined)[]>;

interface HostListeners {
  readonly byKey: Map<string, Held<'listener'>>;
  readonly digest: SetDigest;
}

/**
 * The fleet's state in memory, with the indexes that commands and rules ask for. Pure: it is fed snapshots and
 * changes, and each change costs what it touches.
 */
export class Fleet {
  position: Position = ORIGIN;
  epoch = 0;
  /** How often everything was loaded anew: who looks through it in portions looks whether it is still the same. */
  generation = 0;
  readonly use = new PortUse();
  readonly plan = new PlanIndex();
  readonly #entries: Record<EntryKind, Map<string, Held>> = noEntries();
  readonly #assignments: ByPort<'assignment'> = byPort();
  readonly #resting: ByPort<'resting'> = byPort();
  readonly #listenersByPort = new Map<string, Set<Held<'listener'>>>();
  readonly #listenersByHost = new Map<string, HostListeners>();
  readonly #leases = new Map<string, Set<string>>();
  readonly #assignmentsByService = new Map<ServiceId, Set<string>>();
  readonly #portsByProject = new Map<string, PortTally>();
  readonly #findingsByPort = new Map<string, Set<Held<'finding'>>>();
  readonly #hostsByName = new Map<string, Set<string>>();
  readonly #loginsByParent = new Map<string, Set<Held<'token'>>>();
  #loginCount = 0;
  readonly #ephemeral = new Map<string, Interval>();
  #ephemeralRanges: readonly Interval[] = [];

  get<K extends EntryKind>(kind: K, entryKey: string): Held<K> | undefined {
    return this.#entries[kind].get(entryKey) as Held<K> | undefined;
  }

  version(kind: EntryKind, entryKey: string): Version | null {
    return this.#entries[kind].get(entryKey)?.version ?? null;
  }

  /** What a service counts as; see `Alias`. */
  canonical(service: ServiceId): ServiceId {
    if (this.count('alias') === 0) return service;
    return canonicalService(service, (each) => this.get('alias', key.alias(each))?.value.of);
  }

  /** Whether there is an entry with this key, whatever its kind. */
  has(entryKey: string): boolean {
    return this.#entries[kindOf(entryKey)]?.has(entryKey) ?? false;
  }

  assignment(protocol: Protocol, port: number): Held<'assignment'> | undefined {
    return this.#assignments[protocol][port];
  }

  resting(protocol: Protocol, port: number): Held<'resting'> | undefined {
    return this.#resting[protocol][port];
  }

  /** The assignment that the endpoint has on this protocol. */
  assignmentOf(endpoint: Endpoint, protocol: Protocol): Held<'assignment'> | undefined {
    const index = this.get('endpoint', key.endpoint(endpoint, protocol));
    return index && this.assignment(protocol, index.value.port);
  }

  /** The assignments that a lease holds; empty when there is no such lease. */
  leased(lease: string): Held<'assignment'>[] {
    const keys = this.#leases.get(lease) ?? [];
    return Array.from(keys, (entryKey) => this.#entries.assignment.get(entryKey) as Held<'assignment'>);
  }

  /** The leases of which nothing is left when these assignments go, or get others. */
  emptied(held: readonly Held<'assignment'>[]): string[] {
    const going = new Set(held.map(({ key: entryKey }) => entryKey));
    const ids = new Set(held.flatMap(({ value }) => value.lease?.id ?? []));
    return [...ids].filter((id) => this.leased(id).every(({ key: entryKey }) => going.has(entryKey)));
  }

  leases(): MapIterator<[string, Set<string>]> {
    return this.#leases.entries();
  }

  get leaseCount(): number {
    return this.#leases.size;
  }

  assignmentsOf(service: ServiceId): Held<'assignment'>[] {
    const keys = this.#assignmentsByService.get(service) ?? [];
    return Array.from(keys, (entryKey) => this.#entries.assignment.get(entryKey) as Held<'assignment'>);
  }

  /** The services that have assignments. */
  assignedServices(): MapIterator<ServiceId> {
    return this.#assignmentsByService.keys();
  }

  /** The projects that hold ports, or for which some rest. */
  projects(): MapIterator<string> {
    return this.#portsByProject.keys();
  }

  /** The port numbers that a project holds or that rest for it, each counted once; `undefined` for none. */
  portsOf(project: string): PortTally | undefined {
    return this.#portsByProject.get(project);
  }

  listeners(protocol: Protocol, port: number): ReadonlySet<Held<'listener'>> {
    return this.#listenersByPort.get(`${protocol}/${port}`) ?? NOBODY;
  }

  /** The findings about a port, those that are resolved and not yet forgotten among them. */
  findings(protocol: Protocol, port: number): ReadonlySet<Held<'finding'>> {
    return this.#findingsByPort.get(`${protocol}/${port}`) ?? NOBODY;
  }

  /** The logins that were made with a token. @param parent its id, or `startParent` */
  logins(parent: string): ReadonlySet<Held<'token'>> {
    return this.#loginsByParent.get(parent) ?? NOBODY;
  }

  /** What has logins: ids of tokens, whether there is such a token or not, and `startParent`. */
  loginParents(): MapIterator<string> {
    return this.#loginsByParent.keys();
  }

  get loginCount(): number {
    return this.#loginCount;
  }

  listenersOf(host: string): ReadonlyMap<string, Held<'listener'>> {
    return this.#listenersByHost.get(host)?.byKey ?? new Map();
  }

  /** The hosts on which somebody is seen. */
  listeningHosts(): MapIterator<string> {
    return this.#listenersByHost.keys();
  }

  /** Digest of the host's listeners, as its agent computes it; see `SetDigest`. */
  digestOf(host: string): SetDigest {
    return new SetDigest(this.#listenersByHost.get(host)?.digest.toString());
  }

  host(id: string): Host | undefined {
    return this.get('host', key.host(id))?.value;
  }

  /**
   * A host by its id, else by its name.
   *
   * @throws PortolanError `ambiguous` when several have the name, as in a store from before names were unique
   */
  findHost(idOrName: string): Host | undefined {
    const [found, ...others] = this.hostsCalled(idOrName);
    if (others.length > 0) throw ambiguous(idOrName, [found!, ...others]);
    return found;
  }

  /** The host with this id, else all with this name. */
  hostsCalled(idOrName: string): Host[] {
    const byId = this.host(idOrName);
    return byId ? [byId] : this.hostsLike(idOrName).filter(({ name }) => name === idOrName);
  }

  /** The finding of this id while it stands: until it is resolved. */
  standing(id: string): Held<'finding'> | undefined {
    const held = this.get('finding', key.finding(id));
    return held?.value.state === 'resolved' ? undefined : held;
  }

  /** The hosts whose names cannot be told from this one; see `hostNameKey`. */
  hostsLike(name: string): Host[] {
    return Array.from(this.#hostsByName.get(hostNameKey(name)) ?? [], (id) => this.host(id) as Host);
  }

  /** The ranges that hosts take outgoing ports from, each once. */
  get ephemeralRanges(): readonly Interval[] {
    return this.#ephemeralRanges;
  }

  #distinctEphemeral(): Interval[] {
    return [...new Map(Array.from(this.#ephemeral.values(), (range) => [`${range.from}-${range.to}`, range])).values()];
  }

  /** Every entry of a kind, in no particular order. */
  all<K extends EntryKind>(kind: K): MapIterator<Held<K>> {
    return this.#entries[kind].values() as MapIterator<Held<K>>;
  }

  count(kind: EntryKind): number {
    return this.#entries[kind].size;
  }

  /** Takes in a part of a snapshot; `clear` first. */
  load(chunk: FleetPart): void {
    for (const { key: entryKey, value, version } of chunk.entries) this.#put(entryKey, JSON.parse(value), version);
    this.position = chunk.position;
    this.epoch = chunk.epoch;
  }

  clear(): void {
    this.generation++;
    for (const entries of Object.values(this.#entries)) for (const entryKey of entries.keys()) this.#delete(entryKey);
  }

  /** Takes in the commits of one group. */
  apply(group: readonly FleetChange[]): Applied {
    const touches: Touch[] = [];
    for (const change of group) {
      const version: Version = `${change.epoch}.${change.revision}`;
      for (const { key: entryKey, value, decoded } of change.puts) {
        const touch = this.#put(entryKey, (decoded ?? JSON.parse(value)) as EntryValue, version);
        if (touch) touches.push(touch);
      }
      for (const entryKey of change.deletes) {
        const touch = this.#delete(entryKey);
        if (touch) touches.push(touch);
      }
      this.position = change.position;
      this.epoch = change.epoch;
    }
    return { position: this.position, epoch: this.epoch, touches };
  }

  /** @returns nothing for a kind that a later release writes: coordinators of two releases may share a store for a while */
  #put(entryKey: string, value: Held['value'], version: Version): Touch | undefined {
    const kind = kindOf(entryKey);
    if (!Object.hasOwn(this.#entries, kind)) return undefined;
    const entries = this.#entries[kind];
    const before = entries.get(entryKey);
    const after: Held = { key: entryKey, kind, value, version };
    if (before) this.#unindex(before);
    entries.set(entryKey, after);
    this.#index(after);
    return { key: entryKey, kind, before, after };
  }

  #delete(entryKey: string): Touch | undefined {
    const kind = kindOf(entryKey);
    const before = Object.hasOwn(this.#entries, kind) ? this.#entries[kind].get(entryKey) : undefined;
    if (!before) return undefined;
    this.#entries[kind].delete(entryKey);
    this.#unindex(before);
    return { key: entryKey, kind, before, after: undefined };
  }

  #index(held: Held): void {
    this.plan.add(held);
    switch (held.kind) {
      case 'assignment': {
        const { protocol, port, lease, endpoint } = held.value as Assignment;
        this.#assignments[protocol][port] = held as Held<'assignment'>;
        this.use.add(port);
        this.#countPort(endpoint.project, port);
        addTo(this.#assignmentsByService, serviceId(endpoint), held.key);
        if (lease) addTo(this.#leases, lease.id, held.key);
        break;
      }
      case 'resting': {
        const { protocol, port, endpoint } = held.value as RestingPort;
        this.#resting[protocol][port] = held as Held<'resting'>;
        this.use.add(port);
        this.#countPort(endpoint.project, port);
        break;
      }
      case 'block':
        this.use.addInterval(held.value as Block);
        break;
      case 'range':
        if ((held.value as Range).policy === 'blocked') this.use.addInterval(held.value as Range);
        break;
      case 'host': {
        const { id, name, ephemeral } = held.value as Host;
        addTo(this.#hostsByName, hostNameKey(name), id);
        if (ephemeral) this.#ephemeral.set(id, ephemeral);
        this.#ephemeralRanges = this.#distinctEphemeral();
        break;
      }
      case 'finding': {
        const { protocol, port } = held.value as Finding;
        if (port !== null) addTo(this.#findingsByPort, `${protocol}/${port}`, held as Held<'finding'>);
        break;
      }
      case 'token': {
        const { parent } = held.value as StoredToken;
        if (parent === undefined) break;
        addTo(this.#loginsByParent, parent, held as Held<'token'>);
        this.#loginCount++;
        break;
      }
      case 'listener':
        this.#indexListener(held as Held<'listener'>);
        break;
    }
  }

  #unindex(held: Held): void {
    this.plan.remove(held);
    switch (held.kind) {
      case 'assignment': {
        const { protocol, port, lease, endpoint } = held.value as Assignment;
        this.#assignments[protocol][port] = undefined;
        this.use.remove(port);
        this.#uncountPort(endpoint.project, port);
        removeFrom(this.#assignmentsByService, serviceId(endpoint), held.key);
        if (lease) removeFrom(this.#leases, lease.id, held.key);
        break;
      }
      case 'resting': {
        const { protocol, port, endpoint } = held.value as RestingPort;
        this.#resting[protocol][port] = undefined;
        this.use.remove(port);
        this.#uncountPort(endpoint.project, port);
        break;
      }
      case 'block':
        this.use.removeInterval(held.value as Block);
        break;
      case 'range':
        if ((held.value as Range).policy === 'blocked') this.use.removeInterval(held.value as Range);
        break;
      case 'host': {
        const { id, name } = held.value as Host;
        removeFrom(this.#hostsByName, hostNameKey(name), id);
        this.#ephemeral.delete(id);
        this.#ephemeralRanges = this.#distinctEphemeral();
        break;
      }
      case 'finding': {
        const { protocol, port } = held.value as Finding;
        if (port !== null) removeFrom(this.#findingsByPort, `${protocol}/${port}`, held as Held<'finding'>);
        break;
      }
      case 'token': {
        const { parent } = held.value as StoredToken;
        if (parent === undefined) break;
        removeFrom(this.#loginsByParent, parent, held as Held<'token'>);
        this.#loginCount--;
        break;
      }
      case 'listener':
        this.#unindexListener(held as Held<'listener'>);
        break;
    }
  }

  #countPort(project: string, port: number): void {
    let ports = this.#portsByProject.get(project);
    if (!ports) this.#portsByProject.set(project, (ports = new PortTally()));
    ports.add(port);
  }

  #uncountPort(project: string, port: number): void {
    for (const each of protocols) {
      if (this.assignment(each, port)?.value.endpoint.project === project) return;
      if (this.resting(each, port)?.value.endpoint.project === project) return;
    }
    const ports = this.#portsByProject.get(project);
    ports?.delete(port);
    if (ports?.size === 0) this.#portsByProject.delete(project);
  }

  #indexListener(held: Held<'listener'>): void {
    const { protocol, port, host } = held.value;
    addTo(this.#listenersByPort, `${protocol}/${port}`, held);

    let ofHost = this.#listenersByHost.get(host);
    if (!ofHost) this.#listenersByHost.set(host, (ofHost = { byKey: new Map(), digest: new SetDigest() }));
    ofHost.byKey.set(held.key, held);
    ofHost.digest.toggle(listenerFingerprint(held.value));
    if (!isContainerInternal(held.value)) this.use.add(port);
  }

  #unindexListener(held: Held<'listener'>): void {
    const { protocol, port, host } = held.value;
    removeFrom(this.#listenersByPort, `${protocol}/${port}`, held);

    const ofHost = this.#listenersByHost.get(host);
    ofHost?.byKey.delete(held.key);
    ofHost?.digest.toggle(listenerFingerprint(held.value));
    if (ofHost?.byKey.size === 0) this.#listenersByHost.delete(host);
    if (!isContainerInternal(held.value)) this.use.remove(port);
  }
}

function ambiguous(name: string, hosts: readonly Host[]): PortolanError {
  const ids = hosts.map(({ id }) => id).sort();
  return new PortolanError(
    'ambiguous',
    `${hosts.length} hosts are called ${name} (${ids.join(', ')}): say which by its id, and to end this give them names of their own by the option --name of "portolan agent"`,
    { name, hosts: ids },
  );
}

const NOBODY: ReadonlySet<never> = new Set();

function noEntries(): Record<EntryKind, Map<string, Held>> {
  const kinds = Object.keys(entryKinds) as EntryKind[];
  return Object.fromEntries(kinds.map((kind) => [kind, new Map()])) as Record<EntryKind, Map<string, Held>>;
}

function byPort<K extends EntryKind>(): ByPort<K> {
  return { tcp: new Array(HIGHEST_PORT + 1), udp: new Array(HIGHEST_PORT + 1) };
}
