import { HOST_NETNS, type Listener, serviceId } from '@portolan/model';
import type { Scan, Scanner } from './scanner.ts';

/** What is Portolan's own on this machine, as far as its agent knows. */
export interface OwnPlaces {
  /** Of the coordinator in use. */
  readonly coordinatorUrl: string | undefined;
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
 * Names Portolan's own sockets. The agent knows its own process by its pid, and the coordinator by being connected to that
 * very port of this machine: a program that only calls itself so is on another port, or runs as another user.
 *
 * @param listeners of this host
 */
export function markOwn(listeners: readonly Listener[], places: OwnPlaces, pid = process.pid): readonly Listener[] {
  const coordinator = coordinatorAmong(listeners, places, pid);
  const localPort = portOf(places.localUrl);
  const identityOf = ({ process: each, protocol, port }: Listener): Identity | undefined => {
    if (!each || (each.pid !== pid && each.pid !== coordinator?.process?.pid)) return undefined;
    if (coordinator && protocol === 'tcp' && port === coordinator.port) return own('coordinator', 'http');
    if (each.pid !== pid) return own('coordinator');
    return protocol === 'tcp' && port === localPort ? own('agent', 'local-api') : own('agent');
  };
  return listeners.map((listener) => {
    const identity = identityOf(listener);
    return identity ? { ...listener, identity } : listener;
  });
}

/** @returns the socket of the coordinator in use, where that runs here */
function coordinatorAmong(
  listeners: readonly Listener[],
  { coordinatorUrl, addresses }: OwnPlaces,
  pid: number,
): Listener | undefined {
  const port = portOf(coordinatorUrl);
  const { hostname = '' } = (coordinatorUrl && URL.parse(coordinatorUrl)) || {};
  const host = hostname.replace(/^\[|\]$/g, '');
  if (port === undefined || !(isLoopback(host) || addresses.includes(host))) return undefined;
  return listeners.find(
    (each) =>
      each.protocol === 'tcp' &&
      each.port === port &&
      each.netns === HOST_NETNS &&
      (each.process?.pid === pid || isCoordinator(each.process)),
  );
}

function isCoordinator(seen: Listener['process']): boolean {
  if (!seen || !/(^|[\s/])portolan(\.js)? (.* )?(up|server)( |$)/.test(seen.commandLine)) return false;
  return seen.uid === 0 || seen.uid === process.geteuid?.();
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
