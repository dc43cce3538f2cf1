import { HOST_NETNS, isCalledPortolan, type Listener, serviceId } from '@portolan/model';
import type { Scan, Scanner } from './scanner.ts';

/** What is Portolan's own on this machine, as far as its agent knows. */
export interface OwnPlaces {
  /** Of the coordinators that the agent knows. */
  readonly coordinators: readonly string[];
  /** Of the agent's local API. */
  readonly localUrl: string | undefined;
  /** Of this host. */
  readonly addresses: readonly string[];
}

type Identity = NonNullable<Listener['identity']>;

/** A scanner that names Portolan's own sockets. @param placesNow asked at each scan; it may change */
export function namingOwn(scanner: Scanner, placesNow: () => OwnPlaces): Scanner {
  let listeners: readonly Listener[] = [];
  let told = '';
  return {
    async scan(): Promise<Scan> {
      const scan = await scanner.scan();
      const places = placesNow();
      const before = told;
      told = JSON.stringify(places);
      const changed = scan.changed || told !== before;
      if (changed) listeners = markOwn(scan.listeners, places);
      return { ...scan, listeners, changed };
    },
  };
}

/**
 * Names Portolan's own sockets. The agent knows its own process by its pid, and a coordinator by the port of this machine
 * that the agent would show its token to: a program that only calls itself so is on another port, or runs as another user.
 *
 * @param listeners of this host
 */
export function markOwn(listeners: readonly Listener[], places: OwnPlaces, pid = process.pid): readonly Listener[] {
  const coordinators = coordinatorsAmong(listeners, places, pid);
  const ports = new Map(coordinators.map((each) => [each.port, each.process?.pid]));
  const pids = new Set(ports.values());
  const localPort = portOf(places.localUrl);
  const identityOf = ({ process: each, protocol, port }: Listener): Identity | undefined => {
    if (!each || (each.pid !== pid && !pids.has(each.pid))) return undefined;
    if (protocol === 'tcp' && ports.get(port) === each.pid) return own('coordinator', 'http');
    if (each.pid !== pid) return own('coordinator');
    return protocol === 'tcp' && port === localPort ? own('agent', 'local-api') : own('agent');
  };
  return listeners.map((listener) => {
    const identity = identityOf(listener);
    return identity ? { ...listener, identity } : listener;
  });
}

/** @returns the sockets of those that run here */
function coordinatorsAmong(
  listeners: readonly Listener[],
  { coordinators, addresses }: OwnPlaces,
  pid: number,
): Listener[] {
  const ports = new Set(coordinators.filter((url) => isHere(url, addresses)).map(portOf));
  return listeners.filter(
    (each) =>
      each.protocol === 'tcp' &&
      ports.has(each.port) &&
      each.netns === HOST_NETNS &&
      (each.process?.pid === pid || isCoordinator(each.process)),
  );
}

function isHere(url: string, addresses: readonly string[]): boolean {
  const host = (URL.parse(url)?.hostname ?? '').replace(/^\[|\]$/g, '');
  return isLoopback(host) || addresses.includes(host);
}

function isCoordinator(seen: Listener['process']): boolean {
  return seen !== null && isCalledPortolan(seen) && (seen.uid === 0 || seen.uid === process.geteuid?.());
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function portOf(url: string | undefined): number | undefined {
  const parsed = url === undefined ? null : URL.parse(url);
  if (!parsed) return undefined;
  return Number(parsed.port) || (parsed.protocol === 'https:' ? 443 : 80);
}

function own(service: 'agent' | 'coordinator', label: string | null = null): Identity {
  const detail = service === 'agent' ? 'the agent that reports it' : 'the coordinator that the agent reports to';
  return {
    service: serviceId({ project: 'portolan', service }),
    label,
    instance: null,
    evidence: { kind: 'command', detail, own: true },
  };
}
