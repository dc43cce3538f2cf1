import {
  type Ending,
  formatEndpoint,
  type HostListener,
  type PortReport,
  type ProcessId,
  parseServiceId,
  UNKNOWN_PROJECT,
} from '@portolan/model';
import { paint, plain } from './output.ts';

/** A process as it was seen on one port of a host, with what else is told of it before it is ended. */
export interface Victim {
  readonly host: { readonly id: string; readonly name: string };
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Its sockets there, at least one. */
  readonly listeners: readonly [HostListener, ...HostListener[]];
}

/** One for each process of each host, however many sockets it has on the port. */
export function victimsOf(listeners: readonly HostListener[], nameOf: (host: string) => string): Victim[] {
  const groups = Map.groupBy(listeners, ({ host, protocol, port, process }) =>
    [host, protocol, port, process?.pid, process?.startedAt].join(' '),
  );
  return Array.from(groups.values(), ([first, ...others]) => {
    const { host, protocol, port } = first as HostListener;
    return { host: { id: host, name: nameOf(host) }, protocol, port, listeners: [first as HostListener, ...others] };
  });
}

/** The processes as they were seen; `undefined` when none could be. */
export function processesOf(victims: readonly Victim[]): ProcessId[] | undefined {
  const seen = victims.flatMap(({ listeners: [{ process }] }) => (process ? [process] : []));
  return seen.length === 0 ? undefined : seen.map(({ pid, startedAt }) => ({ pid, startedAt }));
}

/** Who it is, where, whose, since when: what a person wants to know before saying yes. */
export function describeVictim({ host, listeners }: Victim, assignments: PortReport['assignments'] = []): string {
  const [{ process, container, identity, protocol, port, since }] = listeners;
  const addresses = listeners.map(({ address }) => (address.includes(':') ? `[${address}]` : address)).join(', ');
  const who = identity ? paint('bold', serviceName(identity.service)) : 'a process that nobody can name';
  const lines = [`${who} on ${plain(host.name)}, ${protocol} ${addresses} port ${port}, seen since ${since}`];
  if (process) {
    const user = process.user ?? String(process.uid ?? '?');
    lines.push(`  pid ${process.pid}, user ${plain(user)}: ${plain(process.commandLine || process.command)}`);
  } else lines.push('  its process could not be seen');
  if (container) lines.push(`  container ${plain(container.name ?? container.id.slice(0, 12))}`);
  const owner = assignments.find((each) => each.protocol === protocol);
  if (owner) lines.push(`  the port belongs to ${formatEndpoint(owner.endpoint)}`);
  return lines.join('\n');
}

/** Those that the agent would end besides, for they have the same socket: a line for each. */
export function describeHeirs(endings: readonly Ending[], victims: readonly Victim[]): string[] {
  const known = new Set(victims.map(({ listeners: [{ process }] }) => process?.pid));
  const others = endings.filter(({ pid, outcome }) => outcome === 'would-end' && !known.has(pid));
  return others.map(
    ({ pid, process }) => `  pid ${pid}, which has the same socket${process ? `, ${plain(process)}` : ''}`,
  );
}

function serviceName(service: string): string {
  const { project, service: name } = parseServiceId(service);
  return project === UNKNOWN_PROJECT ? `${name} (project unknown)` : service;
}
