import type { Member, Sheet, SheetChange } from '@portolan/gossip';
import {
  type Assignment,
  type EntryValue,
  type Finding,
  Fleet,
  formatVersion,
  type Host,
  hasSheet,
  isCoordinator,
  judged,
  key,
  kindOf,
  PROVISIONAL_MAX,
  portsInUse,
  portsOf,
  REGISTRY_SHEET,
  unpackRecord,
  type Version,
} from '@portolan/model';

export interface FleetCopyOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Told of a finding that is new and in nobody's registry, for no coordinator is there to find it. */
  readonly found: (finding: Finding) => void;
}

/** After a change, so that what comes together is judged together, ms. */
const JUDGE_AFTER = 50;
/** After an agent began to take part in gossip, coordinators may take so long to be seen there, ms. */
const SHOW_UP = 10_000;

/**
 * What an agent knows of the whole fleet, by the sheets that it has. Hosts are as gossip sees them. While no coordinator
 * is alive it judges ports by itself: it adds what it finds to the findings of the registry, and takes none of those back,
 * for it may not see all that they rest on.
 */
export class FleetCopy {
  readonly fleet = new Fleet();
  readonly #options: FleetCopyOptions;
  /** What the registry says of hosts, and what they say of themselves. */
  readonly #registered = new Map<string, Host>();
  readonly #described = new Map<string, Host>();
  readonly #members = new Map<string, Pick<Member, 'status' | 'statusSince' | 'tags'>>();
  /** Leases given without a coordinator, by key of their assignment, then by who gave them. */
  readonly #provisional = new Map<string, Map<string, Assignment>>();
  /** How many of them each gave. */
  readonly #given = new Map<string, number>();
  readonly #registry = new Map<string, { value: EntryValue; version: Version }>();
  readonly #found = new Set<string>();
  readonly #touched = new Set<string>();
  #judging: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #revision = 0;
  #wasAttended = true;
  /** When coordinators were last known to be there, ms since 1970. */
  #attendedAt: number | null = null;
  /** When what it has of the registry was surely so, ms since 1970; 0: that is not known. */
  #registryAt = 0;
  /** Since when this agent takes part in gossip. */
  #since: number | null = null;
  #isAttended = false;
  #stopped = false;

  constructor(options: FleetCopyOptions) {
    this.#options = options;
  }

  /** Takes in what changed of a sheet; of the registry's the version is when that was, ms since 1970. */
  take({ owner, version, puts, deletes, gone }: Omit<SheetChange, 'version'> & { version?: number }): void {
    if (owner === REGISTRY_SHEET && version !== undefined) this.#registryAt = Math.min(version, this.#options.now());
    for (const recordKey of deletes) this.#delete(owner, recordKey);
    for (const [recordKey, text] of puts) {
      const record = unpackRecord(owner, recordKey, text);
      if (!record) this.#delete(owner, recordKey);
      else if (record.kind === 'provisional') this.#promise(owner, record.value);
      else if (record.kind === 'host') this.#hostSays(owner, record.value);
      else if (owner === REGISTRY_SHEET) this.#register(recordKey, record.value, record.version ?? '0.0');
      else this.#put(recordKey, record.value);
    }
    if (gone && owner !== REGISTRY_SHEET) this.#settleHost(owner);
    this.#settleFindings();
  }

  /** Takes in who is there. */
  attend(members: readonly Member[]): void {
    const coordinators = members.filter(({ tags }) => isCoordinator(tags));
    const now = this.#options.now();
    this.#since ??= now;
    this.#isAttended = coordinators.some(({ status }) => status === 'alive');
    if (this.#isAttended) this.#attendedAt = now;
    else {
      const since = Math.max(0, ...coordinators.map(({ statusSince }) => statusSince));
      if (since > 0) this.#attendedAt = Math.min(since, this.#attendedAt ?? since);
    }
    for (const { name, status, statusSince, tags } of members) {
      const before = this.#members.get(name);
      if (before?.status === status && before.statusSince === statusSince) continue;
      this.#members.set(name, { status, statusSince, tags });
      this.#settleHost(name);
    }
    this.#settleFindings();
  }

  forget(member: string): void {
    this.#members.delete(member);
    this.#settleHost(member);
  }

  /** Whether what a host says by gossip is taken, and the key that it has to be signed with. */
  hasSheet(host: string): boolean {
    return hasSheet(this.#registered.get(host));
  }

  keyOf(host: string): string | undefined {
    return this.#registered.get(host)?.key;
  }

  /** Whether a coordinator is alive, as far as gossip tells. */
  get isAttended(): boolean {
    return this.#isAttended;
  }

  /** Takes in the registry as an earlier life of this agent knew it. */
  restore({ version, records }: Pick<Sheet, 'version' | 'records'>, asOf: number): void {
    this.take({ owner: REGISTRY_SHEET, version, puts: records, deletes: [], gone: false });
    this.#registryAt = Math.min(asOf, this.#options.now());
  }

  /** As of when the registry's part is, ms since 1970; `null`: there is none. */
  get asOf(): number | null {
    if (this.#registry.size === 0) return null;
    if (this.isAttended) return this.#options.now();
    return Math.max(this.#attendedAt ?? 0, this.#registryAt) || null;
  }

  /** As of when the listeners of a host are, ms since 1970. */
  hostAsOf(host: string): number {
    const member = this.#members.get(host);
    const now = this.#options.now();
    return !member || member.status === 'alive' ? now : member.statusSince;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#judging);
    clearTimeout(this.#patience);
  }

  #register(entryKey: string, value: EntryValue, version: Version): void {
    this.#registry.set(entryKey, { value, version });
    this.#found.delete(entryKey);
    this.#put(entryKey, value, version);
  }

  #delete(owner: string, recordKey: string): void {
    const kind = recordKey.slice(0, recordKey.indexOf('/'));
    if (kind === 'provisional') {
      this.#retract(owner, recordKey.replace(/^provisional/, 'assignment'));
    } else if (kind === 'host') {
      const id = recordKey.slice('host/'.length);
      (owner === REGISTRY_SHEET ? this.#registered : this.#described).delete(id);
      this.#settleHost(id);
    } else if (owner === REGISTRY_SHEET) {
      this.#registry.delete(recordKey);
      this.#remove(recordKey);
      if (kind === 'assignment') this.#settlePromise(recordKey);
    } else if (recordKey.startsWith(key.listener(owner, ''))) {
      this.#remove(recordKey);
    }
  }

  #hostSays(owner: string, host: Host): void {
    (owner === REGISTRY_SHEET ? this.#registered : this.#described).set(host.id, host);
    this.#settleHost(host.id);
  }

  /**
   * A host is what the registry says, else what it says of itself. Whether it is there gossip knows first; but that it
   * left, which takes its listeners along, is for the registry to say.
   */
  #settleHost(id: string): void {
    const host = this.#registered.get(id) ?? this.#described.get(id);
    const entryKey = key.host(id);
    const member = this.#members.get(id);
    if (!host) this.#remove(entryKey);
    else if (!member || host.state === 'left') this.#put(entryKey, host);
    else {
      const state = member.status === 'failed' || member.status === 'left' ? 'unreachable' : 'alive';
      this.#put(entryKey, { ...host, state, stateSince: new Date(member.statusSince).toISOString() });
    }
  }

  #promise(owner: string, assignment: Assignment): void {
    const entryKey = key.assignment(assignment.protocol, assignment.port);
    const promises = this.#provisional.get(entryKey) ?? new Map<string, Assignment>();
    if (!promises.has(owner)) {
      const given = this.#given.get(owner) ?? 0;
      // No agent gives more, so the others are made up.
      if (given >= PROVISIONAL_MAX) return;
      this.#given.set(owner, given + 1);
    }
    this.#provisional.set(entryKey, promises.set(owner, assignment));
    this.#settlePromise(entryKey);
  }

  #retract(owner: string, entryKey: string): void {
    const promises = this.#provisional.get(entryKey);
    if (!promises?.delete(owner)) return;
    const left = this.#given.get(owner)! - 1;
    if (left === 0) this.#given.delete(owner);
    else this.#given.set(owner, left);
    if (promises.size === 0) this.#provisional.delete(entryKey);
    this.#settlePromise(entryKey);
  }

  /** What the registry says goes before what agents promised; of these the first. */
  #settlePromise(entryKey: string): void {
    if (this.#registry.has(entryKey)) return;
    const promises = [...(this.#provisional.get(entryKey)?.values() ?? [])];
    const [first] = promises.sort(
      (a, b) => a.grantedAt.localeCompare(b.grantedAt) || (a.provisional! < b.provisional! ? -1 : 1),
    );
    if (first) this.#put(entryKey, first);
    else this.#remove(entryKey);
  }

  #put(entryKey: string, value: EntryValue, given?: Version): void {
    const before = this.fleet.get(kindOf(entryKey), entryKey);
    const isSame = before && JSON.stringify(before.value) === JSON.stringify(value);
    if (isSame && (given === undefined || given === before.version)) return;
    const version = given ?? formatVersion(0, ++this.#revision);
    const assignment = kindOf(entryKey) === 'assignment' ? (value as Assignment) : undefined;
    const index = assignment && {
      key: key.endpoint(assignment.endpoint, assignment.protocol),
      value: '',
      decoded: { port: assignment.port },
    };
    const [epoch = 0, revision = 0] = version.split('.').map(Number);
    this.#apply({ epoch, revision, puts: [{ key: entryKey, value: '', decoded: value }, ...(index ? [index] : [])] });
  }

  #remove(entryKey: string): void {
    const held = this.fleet.get(kindOf(entryKey), entryKey);
    if (!held) return;
    const deletes = [entryKey];
    if (held.kind === 'assignment') {
      const { endpoint, protocol } = held.value as Assignment;
      deletes.push(key.endpoint(endpoint, protocol));
    }
    this.#apply({ epoch: 0, revision: ++this.#revision, deletes });
  }

  #apply({
    epoch,
    revision,
    puts = [],
    deletes = [],
  }: {
    epoch: number;
    revision: number;
    puts?: { key: string; value: string; decoded: unknown }[];
    deletes?: string[];
  }): void {
    const { touches } = this.fleet.apply([{ position: `${revision}-0`, revision, epoch, puts, deletes }]);
    if (this.isAttended) return;
    for (const touch of touches) for (const port of portsOf(this.fleet, touch)) this.#touched.add(port);
  }

  /** When the last coordinator goes every port is judged once, from then on those that change. */
  #settleFindings(): void {
    if (this.isAttended) {
      this.#wasAttended = true;
      this.#touched.clear();
      for (const entryKey of this.#found) this.#remove(entryKey);
      this.#found.clear();
      return;
    }
    const wait = this.#wait();
    if (wait > 0) {
      if (Number.isFinite(wait)) this.#patience ??= setTimeout(() => this.#settleFindings(), wait).unref();
      return;
    }
    if (this.#wasAttended) for (const port of portsInUse(this.fleet)) this.#touched.add(port);
    this.#wasAttended = false;
    if (this.#touched.size > 0) this.#judging ??= setTimeout(() => this.#judge(), JUDGE_AFTER).unref();
  }

  /** How long to wait for a coordinator to show up before going without, ms. */
  #wait(): number {
    if (this.#since === null || this.#stopped) return Number.POSITIVE_INFINITY;
    if (this.#attendedAt !== null) return 0;
    return this.#since + SHOW_UP - this.#options.now();
  }

  #judge(): void {
    this.#judging = undefined;
    const now = new Date(this.#options.now()).toISOString();
    const ports = [...this.#touched];
    this.#touched.clear();
    for (const finding of ports.flatMap((port) => judged(this.fleet, port, now))) {
      const entryKey = key.finding(finding.id);
      if (this.#registry.has(entryKey) && finding.state === 'resolved') continue;
      const isNew = !this.fleet.has(entryKey);
      if (finding.state === 'resolved') {
        this.#found.delete(entryKey);
        this.#remove(entryKey);
        continue;
      }
      this.#found.add(entryKey);
      this.#put(entryKey, finding);
      if (isNew) this.#options.found(finding);
    }
  }
}
