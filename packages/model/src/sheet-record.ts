import { Assignment } from './assignment.ts';
import { type EntryValue, entryKinds, key, kindOf } from './entry.ts';
import { Host } from './host.ts';
import { Evidence, evidenceKinds, HostListener, listenerId } from './listener.ts';
import { plannedId } from './plan.ts';
import type { Protocol } from './port.ts';
import { Version } from './position.ts';

/** The sheet that the leading coordinator writes; every other one is written by the agent of the host that names it. */
export const REGISTRY_SHEET = '@registry';

/** Records of what one host says: its listeners, itself, and the leases that its agent gave. */
export const HOST_LISTENERS_TOLD = 10_000;
export const PROVISIONAL_MAX = 100;

/** How large the sheet of an owner may be. Characters of keys and texts together; a record of a listener has about 300. */
export function sheetSizeOf(owner: string): { readonly records: number; readonly characters: number } {
  if (owner === REGISTRY_SHEET) return { records: 200_000, characters: 64 * 1024 * 1024 };
  return { records: HOST_LISTENERS_TOLD + PROVISIONAL_MAX + 1, characters: 8 * 1024 * 1024 };
}

/** Whether what a host says by gossip is taken: the registry has to know the host and its key. */
export function hasSheet(host: Host | undefined): boolean {
  return host !== undefined && host.state !== 'left' && host.key !== undefined;
}

/** What of the store is in the sheet of the registry: what agents need to answer while every coordinator is away. */
export const registryKinds = [
  'assignment',
  'resting',
  'range',
  'block',
  'service',
  'host',
  'finding',
  'token',
] as const;
export type RegistryKind = (typeof registryKinds)[number];

/** The token that the coordinators were started with is in no store; its digest is told under this id. */
export const BOOTSTRAP_TOKEN = 'bootstrap';

/** What a sheet says: an entry, or a lease that an agent gave by itself. */
export type SheetRecord =
  | {
      readonly [K in RegistryKind | 'listener']: {
        readonly kind: K;
        readonly value: EntryValue<K>;
        /** Of the entry in the store. */
        readonly version?: Version;
      };
    }[RegistryKind | 'listener']
  | { readonly kind: 'provisional'; readonly value: Assignment };

/** Command lines and evidence are cut to this, characters: sheets are for the whole fleet. */
const TEXT_MAX = 120;

export function provisionalKey(protocol: Protocol, port: number): string {
  return `provisional/${protocol}/${port}`;
}

/** An entry of the store as the sheet of the registry has it: its version, then what it says. */
export function packEntry(value: EntryValue<RegistryKind>, version: Version): string {
  return `${version} ${JSON.stringify(value)}`;
}

/** What the agent of a host says in its own sheet; of a listener, without what its key says. */
export function packOwn(record: Extract<SheetRecord, { kind: 'listener' | 'host' | 'provisional' }>): string {
  return record.kind === 'listener' ? packListener(record.value) : JSON.stringify(record.value);
}

/**
 * Reads a record of a sheet.
 *
 * @returns `undefined` for what this owner may not say, or nobody can read
 */
export function unpackRecord(owner: string, recordKey: string, text: string): SheetRecord | undefined {
  if (owner === REGISTRY_SHEET) return unpackEntry(recordKey, text);
  const value = parsed(text);
  if (value === undefined) return undefined;
  if (recordKey === key.host(owner)) {
    const host = Host.safeParse(value);
    return host.success && host.data.id === owner ? { kind: 'host', value: host.data } : undefined;
  }
  const prefix = key.listener(owner, '');
  if (recordKey.startsWith(prefix)) return unpackListener(owner, recordKey.slice(prefix.length), value);
  const provisional = Assignment.safeParse(value).data;
  if (!provisional || provisional.provisional !== owner) return undefined;
  if (recordKey !== provisionalKey(provisional.protocol, provisional.port)) return undefined;
  return { kind: 'provisional', value: provisional };
}

function unpackEntry(entryKey: string, text: string): SheetRecord | undefined {
  const space = text.indexOf(' ');
  const version = Version.safeParse(text.slice(0, space)).data;
  const kind = registryKinds.find((each) => each === kindOf(entryKey));
  const entry = kind && entryKinds[kind].safeParse(parsed(text.slice(space + 1))).data;
  if (!kind || !entry || version === undefined || keyOf(kind, entry) !== entryKey) return undefined;
  return { kind, value: entry, version } as SheetRecord;
}

function keyOf(kind: RegistryKind, value: EntryValue): string {
  switch (kind) {
    case 'assignment':
    case 'resting': {
      const { protocol, port } = value as EntryValue<'assignment' | 'resting'>;
      return key[kind](protocol, port);
    }
    case 'range':
      return key.range((value as EntryValue<'range'>).name);
    case 'block':
      return key.block(value as EntryValue<'block'>);
    case 'service':
      return key.service(plannedId(value as EntryValue<'service'>));
    default:
      return key[kind]((value as EntryValue<'host' | 'finding' | 'token'>).id);
  }
}

function packListener({ v6only, process, container, identity, since }: HostListener): string {
  return JSON.stringify([
    v6only,
    Date.parse(since),
    process && [
      process.pid,
      process.startedAt,
      process.uid,
      process.user,
      process.command,
      process.commandLine.slice(0, TEXT_MAX),
    ],
    container && [container.id.slice(0, 12), container.name, container.publishes],
    identity && [
      identity.service,
      identity.label,
      identity.instance,
      identity.lease ?? null,
      evidenceKinds.indexOf(identity.evidence.kind),
      identity.evidence.detail.slice(0, TEXT_MAX),
      Number(identity.evidence.guess ?? false) + 2 * Number(identity.evidence.own ?? false),
    ],
  ]);
}

function unpackListener(host: string, id: string, value: unknown): SheetRecord | undefined {
  const where = /^(tcp|udp)\/([^/]+)\/(\d{1,5})\/([^/]+)\/([^/]+)$/.exec(id);
  if (!where || !Array.isArray(value)) return undefined;
  const [, protocol, address, port, netns, socket] = where;
  const [v6only, since, process, container, identity] = value as unknown[];
  const listener = HostListener.safeParse({
    host,
    protocol,
    address,
    port: Number(port),
    netns,
    socket,
    v6only,
    since: dateOf(since),
    process: Array.isArray(process)
      ? {
          pid: process[0],
          startedAt: process[1],
          uid: process[2],
          user: process[3],
          command: process[4],
          commandLine: process[5],
          cwd: null,
        }
      : process,
    container: Array.isArray(container)
      ? { id: container[0], name: container[1], image: null, publishes: container[2] }
      : container,
    identity: Array.isArray(identity) ? identityOf(identity) : identity,
  }).data;
  return listener && listenerId(listener) === id ? { kind: 'listener', value: listener } : undefined;
}

function identityOf([service, label, instance, lease, kind, detail, marks]: readonly unknown[]) {
  // Agents from before there were marks write none.
  const guess = (Number(marks ?? 0) & 1) === 1 ? true : undefined;
  const own = (Number(marks ?? 0) & 2) === 2 ? true : undefined;
  const known = { kind: evidenceKinds[kind as number], detail, ...(guess && { guess }), ...(own && { own }) };
  const evidence = Evidence.safeParse(known).data;
  return { service, label, instance, ...(lease !== null && { lease }), evidence };
}

function dateOf(since: unknown): string | undefined {
  if (typeof since !== 'number' || !(Math.abs(since) <= 8.64e15)) return undefined;
  return new Date(since).toISOString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
