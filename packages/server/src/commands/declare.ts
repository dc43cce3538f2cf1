import { hash } from 'node:crypto';
import {
  type Assignment,
  draftOf,
  type Fleet,
  type Held,
  isUnknownProject,
  key,
  type Plan,
  type PlanConflict,
  type PlanDiff,
  type PlanDraft,
  type PlanRequest,
  type PlanView,
  PortolanError,
} from '@portolan/model';
import { actor } from '../access/act.ts';
import type { Plan as Decision, Executor, Settled } from '../executor.ts';
import type { Put } from '../store/store.ts';
import { alternative, put } from './entries.ts';
import { settledLoss } from './lost-finding.ts';

export interface DeclareOptions {
  /** Tell what would be done, and do nothing. */
  readonly dryRun: boolean;
  /** Of the diff that was shown: nothing is done when it would be another one now. */
  readonly version?: string | undefined;
}

/** Plans of projects: put into the registry whole, or not at all. */
export class Plans {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  /** @throws PortolanError `plan-conflict`, `plan-changed`, `too-large`, `invalid-request`; then nothing is changed */
  async declare(project: string, request: PlanRequest, { dryRun, version }: DeclareOptions): Promise<PlanDiff> {
    refuseUnknown(project, request);
    if (dryRun) {
      await this.#executor.catchUp();
      const draft = draftOf(this.#fleet, project, request, now());
      return diffOf(project, draft, { applied: false, position: this.#fleet.position });
    }
    return this.#executor.execute(() => this.#decide(project, request, version));
  }

  #decide(project: string, request: PlanRequest, version: string | undefined): Decision<PlanDiff> | Settled<PlanDiff> {
    const draft = draftOf(this.#fleet, project, request, now());
    const done = { applied: true, position: this.#fleet.position };
    if (version !== undefined && version !== versionOf(draft)) throw changed(project, diffOf(project, draft, done));
    if (draft.conflicts.length > 0) throw inConflict(project, draft);
    const before = this.#fleet.get('plan', key.plan(project));
    const { puts, deletes } = this.#entries(project, draft, before);
    if (puts.length + deletes.length === 0) return { result: diffOf(project, draft, done) };
    const touched = new Set([...draft.writes.keys(), ...draft.basis, ...puts.map((each) => each.key), ...deletes]);
    const only = alternative({
      conditions: Array.from(touched, (entryKey) => ({ key: entryKey, version: versionIn(this.#fleet, entryKey) })),
      puts,
      deletes,
      leases: this.#endedLeases(draft).map((id) => ({ id, ttl: null })),
    });
    return { alternatives: [only], answer: ({ position }) => diffOf(project, draft, { applied: true, position }) };
  }

  #entries(project: string, draft: PlanDraft, before: Held<'plan'> | undefined): { puts: Put[]; deletes: string[] } {
    const puts: Put[] = [];
    const deletes: string[] = [];
    for (const [entryKey, write] of draft.writes) {
      if (write) puts.push(put(entryKey, write.value));
      else if (this.#fleet.has(entryKey)) deletes.push(entryKey);
    }
    for (const write of draft.writes.values()) {
      if (write?.kind === 'assignment') puts.push(...settledLoss(this.#fleet, write.value as Assignment));
    }
    const moved = puts.length + deletes.length > 0;
    if (!moved && sameOwnership(before?.value.owns, draft.owns)) return { puts, deletes };
    if (draft.changes.some(({ what }) => what === 'range'))
      puts.push(put<'guard'>(key.guard('ranges'), { by: project }));
    const plan: Plan = { project, declaredBy: actor() ?? '', declaredAt: now(), owns: draft.owns };
    const empty = this.#isEmpty(project, draft);
    if (!empty) puts.push(put<'plan'>(key.plan(project), plan));
    else if (before) deletes.push(before.key);
    return { puts, deletes };
  }

  /** Whether nothing is left of the plan. */
  #isEmpty(project: string, { owns, writes }: PlanDraft): boolean {
    if (owns.ranges.length + owns.blocks.length + owns.endpoints.length > 0) return false;
    if (Array.from(writes.values()).some((write) => write?.kind === 'service')) return false;
    return !Array.from(this.#fleet.all('service')).some(
      ({ key: entryKey, value }) => value.project === project && !writes.has(entryKey),
    );
  }

  /** What was leased is permanent from now on, or no more: of a lease that has nothing left, nothing stays. */
  #endedLeases({ writes }: PlanDraft): string[] {
    const overwritten = Array.from(writes.keys(), (entryKey) => this.#fleet.get('assignment', entryKey));
    const resting = Array.from(writes.keys()).filter((entryKey) => this.#fleet.get('resting', entryKey));
    return [...this.#fleet.emptied(overwritten.filter((held) => held !== undefined)), ...resting];
  }
}

/** What an earlier version let in can be taken back, by declaring an empty plan. @throws PortolanError `invalid-request` */
function refuseUnknown(project: string, { ranges, blocks, services }: PlanRequest): void {
  if (!isUnknownProject(project) || ranges.length + blocks.length + services.length === 0) return;
  throw new PortolanError(
    'invalid-request',
    `"${project}" is no project: it stands for services known by their command alone; declare the plan under another name`,
  );
}

/** A plan as it stands in the registry. @throws PortolanError `not-found` */
export function planView(fleet: Fleet, project: string): PlanView {
  const held = fleet.get('plan', key.plan(project));
  if (!held) throw new PortolanError('not-found', `no plan of the project ${project} was declared`);
  const { owns } = held.value;
  const services = Array.from(fleet.all('service'), ({ value }) => value);
  return {
    ...held.value,
    ranges: owns.ranges.flatMap((name) => fleet.get('range', key.range(name))?.value ?? []),
    blocks: owns.blocks.flatMap((entryKey) => fleet.get('block', entryKey)?.value ?? []),
    services: services.filter((each) => each.project === project).sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function diffOf(project: string, draft: PlanDraft, how: Pick<PlanDiff, 'applied' | 'position'>): PlanDiff {
  const { changes, conflicts, warnings, ports } = draft;
  return { project, version: versionOf(draft), changes, conflicts, warnings, ports, ...how };
}

/** Two diffs have one version when they say the same. */
function versionOf({ changes, conflicts }: PlanDraft): string {
  return hash('sha256', JSON.stringify([changes, conflicts]), 'base64url').slice(0, 22);
}

function versionIn(fleet: Fleet, entryKey: string) {
  return fleet.version(entryKey.slice(0, entryKey.indexOf('/')) as 'plan', entryKey);
}

function sameOwnership(before: Plan['owns'] | undefined, after: Plan['owns']): boolean {
  const text = (owns: Plan['owns']) =>
    JSON.stringify([owns.ranges.toSorted(), owns.blocks.toSorted(), owns.endpoints.toSorted()]);
  return text(before ?? { ranges: [], blocks: [], endpoints: [] }) === text(after);
}

const NAMED_MAX = 5;

function inConflict(project: string, { conflicts, changes }: PlanDraft): PortolanError {
  const told = conflicts.slice(0, NAMED_MAX).map(({ detail }) => detail);
  if (conflicts.length > told.length) told.push(`and ${conflicts.length - told.length} more`);
  return new PortolanError(
    'plan-conflict',
    `the plan of ${project} was not declared, and nothing was changed: ${told.join('; ')}`,
    {
      conflicts: conflicts satisfies PlanConflict[],
      changes,
    },
  );
}

function changed(project: string, diff: PlanDiff): PortolanError {
  return new PortolanError(
    'plan-changed',
    `the registry has changed since the diff of ${project} was shown, and nothing was done; look at the diff as it is now, then declare with its version`,
    { diff: { ...diff, applied: false } },
  );
}

function now(): string {
  return new Date().toISOString();
}
