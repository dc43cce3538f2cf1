import { z } from 'zod';
import { AuditEvent, StoredToken } from './access.ts';
import { Alias } from './alias.ts';
import { Assignment, RestingPort } from './assignment.ts';
import { StoredEnrolment } from './enrolment.ts';
import { Finding } from './finding.ts';
import { FindingEvent } from './finding-event.ts';
import { Seed, StoredIdentity, StoredKeyring } from './gossip.ts';
import { Health } from './health.ts';
import { Host } from './host.ts';
import { type Endpoint, formatEndpoint, type ServiceId } from './identity.ts';
import { HostListener, listenerId } from './listener.ts';
import { Plan, PlannedService } from './plan.ts';
import { Port, type Protocol } from './port.ts';
import { Block, Range } from './range.ts';
import { Coordinator } from './readiness.ts';
import { Task } from './task.ts';
import { Delivery, StoredWebhook } from './webhook.ts';

/** Which port an endpoint has: makes asking again give the same one. */
const EndpointIndex = z.object({ port: Port });
/** How far a host's reports have come: the last sequence number, and the digest of its listeners. */
const HostSync = z.object({ seq: z.int(), digest: z.string() });
/** Which coordinator computes findings and reaps leases. */
const Leader = z.object({ coordinator: z.string(), since: z.iso.datetime() });
/** Written with every change of a set whose members exclude one another, so that two changes at once conflict. */
const Guard = z.object({ by: z.string() });

/** Everything that the store keeps, by the first part of its key. */
export const entryKinds = {
  assignment: Assignment,
  endpoint: EndpointIndex,
  resting: RestingPort,
  host: Host,
  sync: HostSync,
  listener: HostListener,
  range: Range,
  block: Block,
  alias: Alias,
  plan: Plan,
  service: PlannedService,
  health: Health,
  finding: Finding,
  event: FindingEvent,
  task: Task,
  leader: Leader,
  coordinator: Coordinator,
  guard: Guard,
  keyring: StoredKeyring,
  identity: StoredIdentity,
  seed: Seed,
  token: StoredToken,
  enrolment: StoredEnrolment,
  audit: AuditEvent,
  webhook: StoredWebhook,
  delivery: Delivery,
} as const;

export type EntryKind = keyof typeof entryKinds;
export type EntryValue<K extends EntryKind = EntryKind> = z.infer<(typeof entryKinds)[K]>;

/** The keys of the store. The part before the first `/` is the kind. */
export const key = {
  assignment: (protocol: Protocol, port: number) => `assignment/${protocol}/${port}`,
  endpoint: (endpoint: Endpoint, protocol: Protocol) => `endpoint/${formatEndpoint(endpoint)}/${protocol}`,
  resting: (protocol: Protocol, port: number) => `resting/${protocol}/${port}`,
  host: (id: string) => `host/${id}`,
  sync: (host: string) => `sync/${host}`,
  listener: (host: string, listener: Parameters<typeof listenerId>[0] | string) =>
    `listener/${host}/${typeof listener === 'string' ? listener : listenerId(listener)}`,
  range: (name: string) => `range/${name}`,
  block: (block: Pick<Block, 'from' | 'to' | 'protocol'>) =>
    `block/${block.from}-${block.to}/${block.protocol ?? 'any'}`,
  plan: (project: string) => `plan/${project}`,
  service: (id: ServiceId) => `service/${id}`,
  health: ({ host, service, label }: Pick<Health, 'host' | 'service' | 'label'>) =>
    `health/${host}/${service}:${label}`,
  finding: (id: string) => `finding/${id}`,
  event: (id: string) => `event/${id}`,
  alias: (service: ServiceId) => `alias/${service}`,
  task: (id: string) => `task/${id}`,
  leader: () => 'leader/',
  coordinator: (id: string) => `coordinator/${id}`,
  guard: (set: 'ranges' | `host/${string}`) => `guard/${set}`,
  keyring: () => 'keyring/',
  identity: () => 'identity/',
  seed: (coordinator: string) => `seed/${coordinator}`,
  token: (id: string) => `token/${id}`,
  enrolment: (id: string) => `enrolment/${id}`,
  audit: (id: string) => `audit/${id}`,
  webhook: (name: string) => `webhook/${name}`,
  delivery: (webhook: string) => `delivery/${webhook}`,
} satisfies Record<EntryKind, (...args: never[]) => string>;

export function kindOf(entryKey: string): EntryKind {
  return entryKey.slice(0, entryKey.indexOf('/')) as EntryKind;
}

/** The kinds that clients may subscribe to. The others are the store's own affairs. */
export const topics = [
  'assignment',
  'resting',
  'host',
  'listener',
  'range',
  'block',
  'alias',
  'service',
  'health',
  'finding',
  'task',
] as const;
export const Topic = z.enum(topics);
export type Topic = z.infer<typeof Topic>;
