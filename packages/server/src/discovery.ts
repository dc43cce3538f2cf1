import { z } from '@hono/zod-openapi';
import {
  addTo,
  type Fleet,
  type Host,
  type HostListener,
  isContainerInternal,
  isDnsName,
  isIpAddress,
  isLinkLocal,
  isLoopback,
  isUnspecified,
  likeness,
  likenessToPlanned,
  type PlannedService,
  plannedId,
  serviceId,
} from '@portolan/model';

/** One group of Prometheus's `http_sd` format. */
export const TargetGroup = z
  .object({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) })
  .openapi('TargetGroup');
export type TargetGroup = z.infer<typeof TargetGroup>;

export interface TargetQuery {
  readonly project?: string | undefined;
  readonly service?: string | undefined;
  /** Of the endpoint. */
  readonly label?: string | undefined;
  /** Id or name. */
  readonly host?: string | undefined;
}

/** A tcp port that somebody is to have. */
interface Source {
  readonly project: string;
  readonly service: string;
  readonly label: string;
  readonly instance: number;
  readonly port: number;
  /** Ids or names of the hosts that it is for, where somebody said so. */
  readonly hosts: readonly string[];
  readonly planned: PlannedService | undefined;
}

/**
 * Targets by endpoint and host: where the service is seen on its port, and where it is planned to be and is not seen, so
 * that its absence shows. Of a port on loopback alone nobody else gets an answer, so it is told only to who asks for that
 * very host.
 *
 * An address that another host has, too, by what its agent tells, is no target: whoever scrapes it could reach the other
 * one. So no agent can pass off the addresses of others as its own, and bridges that have one address everywhere are
 * passed over. What remains of a host without an address of its own is its name, which is nobody else's; if it can be one in
 * DNS, for a person may call a host anything.
 *
 * One after the other, since there may be a million.
 *
 * Labels: `project`, `service`, `endpoint`, `host`, `host_id`; and `__meta_portolan_*`, which Prometheus drops after
 * relabelling.
 *
 * @throws PortolanError `ambiguous` for a host's name that several have
 */
export function* prometheusTargets(fleet: Fleet, query: TargetQuery): Generator<TargetGroup, void, undefined> {
  const only = query.host === undefined ? undefined : (fleet.findHost(query.host)?.id ?? query.host);
  const owners = ownersOf(fleet);
  const seenAt = only === undefined ? (port: number) => onPort(fleet, port) : onHost(fleet, only);
  for (const source of sources(fleet, query)) {
    yield* groupsOf(fleet, source, seenAt(source.port), owners, only);
  }
}

/** In the order of their names, so that the answer changes only when they do. */
function sources(fleet: Fleet, query: TargetQuery): Source[] {
  const found: { source: Source; name: string }[] = [];
  const add = (source: Source) => {
    const { project, service, label, instance } = source;
    const isWanted =
      (query.project === undefined || project === query.project) &&
      (query.service === undefined || service === query.service) &&
      (query.label === undefined || label === query.label);
    if (isWanted) found.push({ source, name: `${project}/${service}:${label}#${instance}` });
  };
  for (const { value } of fleet.all('assignment')) {
    const { protocol, port, endpoint, host } = value;
    if (protocol !== 'tcp') continue;
    const planned = fleet.get('service', `service/${serviceId(endpoint)}`)?.value;
    const hosts = host !== undefined ? [host] : (planned?.hosts ?? []);
    add({ ...endpoint, port, hosts, planned });
  }
  for (const { value } of fleet.all('service')) {
    for (const { label, protocol, port } of value.endpoints) {
      // Others have an assignment; a system port is only written down.
      if (protocol !== 'tcp' || typeof port !== 'number' || fleet.assignment('tcp', port)) continue;
      const { project, name, hosts } = value;
      add({ project, service: name, label, instance: 1, port, hosts, planned: value });
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ source }) => source);
}

/** The ids of the hosts that have each address. */
type Owners = ReadonlyMap<string, ReadonlySet<string>>;

function ownersOf(fleet: Fleet): Owners {
  const owners = new Map<string, Set<string>>();
  for (const { value } of fleet.all('host')) {
    if (value.state !== 'left') for (const address of value.addresses) addTo(owners, plainAddress(address), value.id);
  }
  return owners;
}

function onPort(fleet: Fleet, port: number): HostListener[] {
  return Array.from(fleet.listeners('tcp', port), ({ value }) => value);
}

/** @returns the tcp listeners of one host, by port */
function onHost(fleet: Fleet, host: string): (port: number) => readonly HostListener[] {
  const listeners = Array.from(fleet.listenersOf(host).values(), ({ value }) => value);
  const byPort = Map.groupBy(
    listeners.filter(({ protocol }) => protocol === 'tcp'),
    ({ port }) => port,
  );
  return (port) => byPort.get(port) ?? [];
}

/** @param listeners on the port of the source, on all hosts or on the only one that is asked for */
function groupsOf(
  fleet: Fleet,
  source: Source,
  listeners: readonly HostListener[],
  owners: Owners,
  only: string | undefined,
): TargetGroup[] {
  const addresses = new Map<string, string>();
  const isOthers = (address: string, host: string) => [...(owners.get(address) ?? [])].some((each) => each !== host);
  for (const listener of listeners) {
    if (isContainerInternal(listener) || !isIts(source, listener)) continue;
    const { host } = listener;
    const address = reachable(listener.address, fleet.host(host), only !== undefined, (each) => isOthers(each, host));
    if (address !== undefined) addresses.set(host, address);
  }
  const seen = new Set(listeners.map(({ host }) => host));
  for (const name of source.hosts) {
    const [host, ...namesakes] = fleet.hostsCalled(name);
    if (!host || namesakes.length > 0 || seen.has(host.id) || addresses.has(host.id)) continue;
    const address = reachable('0.0.0.0', host, only !== undefined, (each) => isOthers(each, host.id));
    if (address !== undefined) addresses.set(host.id, address);
  }
  return Array.from(addresses)
    .filter(([host]) => only === undefined || host === only)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, address]) => ({
      targets: [`${address.includes(':') ? `[${address}]` : address}:${source.port}`],
      labels: labelsOf(source, fleet.host(id), id, seen.has(id)),
    }));
}

/** Who cannot be identified, or not for sure, may well be the one that was promised the port. */
function isIts({ planned, ...source }: Source, { identity }: HostListener): boolean {
  if (!identity) return true;
  return (planned ? likenessToPlanned(planned, identity) : likeness(identity, serviceId(source))) !== 'other';
}

/** @returns the address at which others reach a socket; `undefined` when they cannot, or it could be another host's */
function reachable(
  address: string,
  host: Host | undefined,
  loopbackToo: boolean,
  isOthers: (address: string) => boolean,
): string | undefined {
  const plain = plainAddress(address);
  // In a store from before reports were held to it, the address may be a name. Services of clouds tell secrets on the link.
  if (!isIpAddress(plain) || isLinkLocal(plain)) return undefined;
  if (isLoopback(plain)) return loopbackToo ? plain : undefined;
  if (plain !== '0.0.0.0' && plain !== '::') return isOthers(plain) ? undefined : plain;
  const usable = (host?.addresses ?? [])
    .map(plainAddress)
    .filter(
      (each) => isIpAddress(each) && !isUnspecified(each) && !isLoopback(each) && !isLinkLocal(each) && !isOthers(each),
    );
  const name = host !== undefined && isDnsName(host.name) ? host.name : undefined;
  return usable.find((each) => !each.includes(':')) ?? usable[0] ?? name;
}

function plainAddress(address: string): string {
  return address
    .split('%', 1)[0]!
    .replace(/^::ffff:(?=\d+\.)/i, '')
    .toLowerCase();
}

function labelsOf(source: Source, host: Host | undefined, id: string, up: boolean): Record<string, string> {
  const { project, service, label, instance, planned } = source;
  return {
    project,
    service,
    endpoint: label,
    host: host?.name ?? id,
    host_id: id,
    __meta_portolan_host_id: id,
    __meta_portolan_instance: `${instance}`,
    __meta_portolan_seen: `${up}`,
    ...(planned?.runtime !== undefined && { __meta_portolan_runtime: planned.runtime }),
    ...(planned && { __meta_portolan_status: planned.status, __meta_portolan_service_id: plannedId(planned) }),
  };
}
