import { type Assignment, rewritten } from './assignment.ts';
import { differences, sameValue } from './difference.ts';
import { type EntryKind, type EntryValue, key } from './entry.ts';
import type { Fleet, Held } from './fleet.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from './identity.ts';
import { contains, formatInterval } from './interval.ts';
import {
  type Plan,
  type PlanChange,
  type PlanConflict,
  type PlanEndpoint,
  type PlannedService,
  type PlanRequest,
  type PlanService,
  plannedId,
} from './plan.ts';
import { isAskedByAgents } from './plan-health.ts';
import { settlePorts, type WantedPort } from './plan-ports.ts';
import { type Protocol, Protocol as ProtocolSchema, protocols } from './port.ts';
import { type PortRules, rulesOf } from './port-field.ts';
import { type Block, type Range, SYSTEM_BLOCK } from './range.ts';

/** What declaring a plan would change, and the entries that do it. */
export interface PlanDraft {
  readonly changes: PlanChange[];
  readonly conflicts: PlanConflict[];
  readonly warnings: string[];
  /** By `service:label`. */
  readonly ports: Record<string, number>;
  /** What the plan has put into the registry, afterwards. */
  readonly owns: Plan['owns'];
  /** New values by key; without one, the entry goes. */
  readonly writes: ReadonlyMap<string, PlanWrite | null>;
  /** Entries that decide, beside those that are written: the draft holds while they are as they were. */
  readonly basis: ReadonlySet<string>;
}

export interface PlanWrite {
  readonly kind: EntryKind;
  readonly value: EntryValue;
}

/**
 * Compares a project's plan with the registry. The same plan, once it is declared, gives no change: a chosen port stays,
 * be it from an earlier plan, a reservation or a lease.
 *
 * What was there before and says the same is not the plan's to take back, unless it is another plan's: then the last of
 * them that drops it does.
 *
 * @param now ISO 8601, for what is granted
 */
export function draftOf(fleet: Fleet, project: string, request: PlanRequest, now: string): PlanDraft {
  const draft = new Draft(fleet, project);
  draft.ranges(request.ranges);
  draft.blocks(request.blocks);
  draft.services(request.services);
  draft.endpoints(request, now);
  return draft;
}

class Draft implements PlanDraft {
  readonly changes: PlanChange[] = [];
  readonly conflicts: PlanConflict[] = [];
  readonly warnings: string[] = [];
  readonly ports: Record<string, number> = {};
  readonly owns: Plan['owns'] = { ranges: [], blocks: [], endpoints: [] };
  readonly writes = new Map<string, PlanWrite | null>();
  readonly basis = new Set<string>();
  readonly #fleet: Fleet;
  readonly #project: string;
  readonly #owned: Plan['owns'];
  /** What other plans own, with the project whose plan it is. */
  readonly #others = new Map<string, string>();

  constructor(fleet: Fleet, project: string) {
    this.#fleet = fleet;
    this.#project = project;
    this.#owned = fleet.get('plan', key.plan(project))?.value.owns ?? { ranges: [], blocks: [], endpoints: [] };
    for (const { value } of fleet.all('plan')) {
      if (value.project === project) continue;
      for (const name of value.owns.ranges) this.#others.set(key.range(name), value.project);
      for (const each of value.owns.blocks) this.#others.set(each, value.project);
    }
  }

  ranges(planned: readonly Range[]): void {
    const wanted = planned.map((range) => this.#withQuota(range));
    const owned = this.#owned.ranges.map((name) => key.range(name));
    const owns = this.#rules('range', new Map(wanted.map((range) => [key.range(range.name), range])), owned);
    this.owns.ranges.push(...owns.map((each) => each.slice('range/'.length)));
    const after = this.#after().ranges;
    for (const range of wanted) {
      const other = after.find(({ name, from, to }) => name !== range.name && from <= range.to && range.from <= to);
      if (!other) continue;
      this.conflicts.push({
        what: 'range',
        id: range.name,
        reason: 'overlap',
        port: Math.max(range.from, other.from),
        owner: other.name,
        detail: `the range ${range.name} (${formatInterval(range)}) overlaps the range ${other.name} (${formatInterval(other)})`,
        suggestions: [],
      });
    }
  }

  blocks(wanted: readonly Block[]): void {
    const blocks = new Map(wanted.map((block) => [key.block(block), block]));
    this.owns.blocks.push(...this.#rules('block', blocks, this.#owned.blocks));
  }

  /** A manifest says nothing of quotas: what an operator set stays. */
  #withQuota(range: Range): Range {
    const quota = range.quota ?? this.#fleet.get('range', key.range(range.name))?.value.quota;
    return quota === undefined ? range : { ...range, quota };
  }

  /** Ranges and blocks: what operators lay down by hand, too. @returns keys of what the plan owns then */
  #rules<K extends 'range' | 'block'>(
    kind: K,
    wanted: ReadonlyMap<string, EntryValue<K>>,
    owned: readonly string[],
  ): string[] {
    const owns: string[] = [];
    for (const [entryKey, after] of wanted) {
      const before = this.#fleet.get(kind, entryKey)?.value ?? null;
      if (before && sameValue(before, after)) {
        if (owned.includes(entryKey) || this.#others.has(entryKey)) owns.push(entryKey);
        continue;
      }
      const foreign = before && this.#ownerOf(entryKey, before, owned);
      if (foreign) this.conflicts.push(ownedConflict(kind, entryKey, foreign));
      owns.push(entryKey);
      this.#write(kind, entryKey, after);
      this.#tell(kind, entryKey, before, after);
    }
    for (const entryKey of owned) {
      const held = this.#fleet.get(kind, entryKey);
      if (!held || wanted.has(entryKey) || this.#others.has(entryKey)) continue;
      this.writes.set(entryKey, null);
      this.#tell(kind, entryKey, held.value, null);
    }
    return owns;
  }

  /** The project that has a word in it, if that is another one. */
  #ownerOf(entryKey: string, value: Range | Block, owned: readonly string[]): string | undefined {
    const owner = 'owner' in value && !owned.includes(entryKey) ? value.owner : null;
    return this.#others.get(entryKey) ?? (owner === null || owner === this.#project ? undefined : owner);
  }

  services(wanted: readonly PlanService[]): void {
    const services = new Map(wanted.map((each) => [`${this.#project}/${each.name}`, each]));
    for (const [id, service] of services) {
      for (const { label, health } of service.endpoints) {
        if (health === undefined || isAskedByAgents({ project: this.#project, ...service }, health)) continue;
        this.warnings.push(
          `${id}:${label}: no agent asks ${health}, for agents ask only the services of their own host`,
        );
      }
      const before = this.#fleet.get('service', key.service(id))?.value ?? null;
      const after: PlannedService = { project: this.#project, ...service };
      if (before && sameValue(before, after)) continue;
      this.#write('service', key.service(id), after);
      this.#tell('service', key.service(id), before, after);
    }
    for (const { key: entryKey, value } of this.#fleet.all('service')) {
      if (value.project !== this.#project || services.has(plannedId(value))) continue;
      this.writes.set(entryKey, null);
      this.#tell('service', entryKey, value, null);
    }
  }

  endpoints({ services }: PlanRequest, now: string): void {
    const wanted = services.flatMap((service) => service.endpoints.flatMap((each) => this.#wanted(service, each)));
    const ids = new Set(wanted.map(({ id }) => id));
    const gone = this.#owned.endpoints.filter((id) => !ids.has(id)).flatMap((id) => this.#heldBy(id));
    const { conflicts, warnings } = settlePorts({ fleet: this.#fleet, rules: this.#after(), wanted, gone });
    this.conflicts.push(...conflicts);
    this.warnings.push(...warnings);
    for (const held of gone) this.#release(held);
    for (const each of wanted) if (each.port !== null) this.#assign(each, each.port, now);
  }

  #wanted(service: PlanService, planned: PlanEndpoint): WantedPort[] {
    const { label, protocol, port } = planned;
    if (port === 'none') return [];
    if (port !== 'auto' && contains(SYSTEM_BLOCK, port)) {
      this.ports[`${service.name}:${label}`] = port;
      this.warnings.push(
        `${this.#project}/${service.name}:${label}: ${port} is a system port, so it is written down and not assigned`,
      );
      return [];
    }
    const endpoint: Endpoint = { project: this.#project, service: service.name, label, instance: 1 };
    const held = this.#fleet.assignmentOf(endpoint, protocol);
    return [{ id: idOf(endpoint, protocol), endpoint, service, planned, held, port: port === 'auto' ? null : port }];
  }

  #assign({ id, endpoint, service, planned, held }: WantedPort, port: number, now: string): void {
    this.ports[`${service.name}:${planned.label}`] = port;
    const before = held?.value;
    const stays = before?.port === port;
    const host = service.hosts.length === 1 ? service.hosts[0] : undefined;
    const purpose = planned.purpose ?? before?.purpose;
    const wanted: Assignment = {
      protocol: planned.protocol,
      port,
      endpoint,
      lease: null,
      ...(purpose !== undefined && { purpose }),
      ...(host !== undefined && { host }),
      ...(before?.holder !== undefined && { holder: before.holder }),
      ...(stays && before.grant && { grant: before.grant }),
      ...(stays && before.takenBackBy && { takenBackBy: before.takenBackBy }),
      grantedAt: stays ? before.grantedAt : now,
    };
    if (before && sameValue(before, wanted)) {
      if (this.#owned.endpoints.includes(id)) this.owns.endpoints.push(id);
      return;
    }
    this.owns.endpoints.push(id);
    if (before && !stays) this.#vacate(held!);
    const after = stays ? rewritten({ value: wanted, version: held!.version }, {}) : wanted;
    this.#write('assignment', key.assignment(planned.protocol, port), after);
    if (!stays) this.#write('endpoint', key.endpoint(endpoint, planned.protocol), { port });
    for (const each of protocols) {
      this.basis.add(key.assignment(each, port));
      const rest = this.#fleet.resting(each, port);
      if (rest) this.writes.set(rest.key, null);
    }
    const said = (value: Assignment) => ({
      endpoint: formatEndpoint(endpoint),
      protocol: value.protocol,
      port: value.port,
    });
    this.changes.push({
      what: 'port',
      action: !before ? 'add' : stays ? 'change' : 'move',
      id,
      before: before ? said(before) : null,
      after: said(after),
      detail: !before
        ? `${port}`
        : stays
          ? changedTerms(before, wanted, (id) => this.#fleet.get('host', key.host(id))?.value.name ?? id)
          : `${before.port} → ${port}`,
    });
  }

  #release(held: Held<'assignment'>): void {
    const { endpoint, protocol, port } = held.value;
    this.#vacate(held);
    this.writes.set(key.endpoint(endpoint, protocol), null);
    this.changes.push({
      what: 'port',
      action: 'remove',
      id: idOf(endpoint, protocol),
      before: { endpoint: formatEndpoint(endpoint), protocol, port },
      after: null,
      detail: `${port} is released`,
    });
  }

  /** Another endpoint of the plan may be given it in the same commit. */
  #vacate({ key: entryKey }: Held): void {
    if (!this.writes.has(entryKey)) this.writes.set(entryKey, null);
  }

  #heldBy(id: string): Held<'assignment'>[] {
    const slash = id.lastIndexOf('/');
    const endpoint = parseEndpoint(id.slice(0, slash));
    const protocol = ProtocolSchema.safeParse(id.slice(slash + 1)).data;
    const held = endpoint && protocol && this.#fleet.assignmentOf(endpoint, protocol);
    return held ? [held] : [];
  }

  /** The rules as the plan would leave them. */
  #after(): PortRules {
    const { blocks, ranges } = rulesOf(this.#fleet);
    const left = <T>(entries: readonly T[], keyOf: (entry: T) => string) =>
      entries.filter((each) => !this.writes.has(keyOf(each)));
    const written = Array.from(this.writes.values()).filter((each) => each !== null);
    return {
      blocks: [
        ...left(blocks, key.block),
        ...written.flatMap(({ kind, value }) => (kind === 'block' ? [value as Block] : [])),
      ],
      ranges: [
        ...left(ranges, ({ name }) => key.range(name)),
        ...written.flatMap(({ kind, value }) => (kind === 'range' ? [value as Range] : [])),
      ],
    };
  }

  #write<K extends EntryKind>(kind: K, entryKey: string, value: EntryValue<K>): void {
    this.writes.set(entryKey, { kind, value });
  }

  #tell<K extends 'range' | 'block' | 'service'>(
    what: K,
    entryKey: string,
    before: EntryValue<K> | null,
    after: EntryValue<K> | null,
  ): void {
    const action = !before ? 'add' : !after ? 'remove' : 'change';
    const detail = before && after ? differences(before, after) : summaryOf(what, (after ?? before)!);
    const id = entryKey.slice(entryKey.indexOf('/') + 1);
    this.changes.push({ what, action, id, before, after, detail } as PlanChange);
  }
}

function ownedConflict(what: 'range' | 'block', entryKey: string, owner: string): PlanConflict {
  const id = entryKey.slice(entryKey.indexOf('/') + 1);
  const detail = `the ${what} ${id} is of the project ${owner}, so only its plan changes it`;
  return { what, id, reason: 'owned', port: null, owner, detail, suggestions: [] };
}

function idOf(endpoint: Endpoint, protocol: Protocol): string {
  return `${formatEndpoint(endpoint)}/${protocol}`;
}

/** What becomes of an assignment that keeps its port. */
function changedTerms(before: Assignment, after: Assignment, nameOf: (host: string) => string): string {
  const told: string[] = [];
  if (before.lease) told.push('the lease becomes permanent');
  if (after.host !== undefined && before.host !== after.host) told.push(`tied to host ${nameOf(after.host)}`);
  if (after.host === undefined && before.host !== undefined) told.push(`no longer tied to host ${nameOf(before.host)}`);
  if (before.purpose !== after.purpose) told.push(`the purpose becomes "${after.purpose ?? ''}"`);
  return `${after.port}: ${told.join('; ') || 'its grant is renewed'}`;
}

function summaryOf(what: 'range' | 'block' | 'service', value: object): string {
  if (what === 'service') return (value as PlannedService).description ?? '';
  const { from, to, ...rest } = value as Range | Block;
  return [formatInterval({ from, to }), 'reason' in rest ? rest.reason : rest.purpose].filter(Boolean).join(' ');
}
