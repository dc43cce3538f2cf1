import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Assignment,
  type AuditAction,
  type AuditEvent,
  type EntryKind,
  type EntryValue,
  type Fleet,
  formatEndpoint,
  key,
  kindOf,
  plannedId,
  type Task,
} from '@portolan/model';
import { nanoid } from 'nanoid';
import { put } from '../commands/entries.ts';
import type { Alternative } from '../store/store.ts';
import { checkCommit } from './bounds.ts';
import type { Principal } from './principal.ts';

/** A request of somebody, while it is carried out. */
export interface Act {
  readonly principal: Principal;
  /** Where it came from, as this coordinator sees it. */
  readonly address: string | null;
  /** Whom it names as asking. */
  readonly holder?: string | undefined;
  /** What it is in the audit trail; without it, nothing that belongs there. */
  readonly action?: AuditAction | undefined;
}

/** Tells the events of this coordinator from those of others in the same millisecond. */
const COORDINATOR = nanoid(8);
let events = 0;

const underway = new AsyncLocalStorage<Act>();

/** Runs a command for somebody: whatever it commits is tested against the token's bounds, and goes into the trail. */
export function acting<T>(act: Act, run: () => T): T {
  return underway.run(act, run);
}

/** Name of the token whose act is under way; `null` for what the coordinator does by itself. */
export function actor(): string | null {
  return underway.getStore()?.principal.name ?? null;
}

/**
 * What the act under way may commit, with its event in the audit trail: one put in the very commit that does it, so
 * that nothing is done without a trace, nor told and not done. Measured on two cores it costs a reservation over HTTP a
 * tenth of its time; to write the trail in batches would save that and lose, with a coordinator that dies, the end of
 * the trail. What changes nothing (asking again for a port that one has) leaves no event.
 *
 * @throws PortolanError `forbidden` when the commit goes beyond what the token is bound to
 */
export function attributed(alternatives: readonly Alternative[], fleet: Fleet): readonly Alternative[] {
  const act = underway.getStore();
  if (!act) return alternatives;
  checkCommit(act.principal, alternatives, fleet);
  return alternatives.map((each) => {
    // A host that joins may take the place of one that has left.
    const action = act.action ?? (each.deletes.some((gone) => kindOf(gone) === 'host') ? 'forget-host' : undefined);
    if (action === undefined) return each;
    const targets = targetsOf(each, fleet);
    if (targets.length === 0) return each;
    const ends = targets.some(({ key }) => kindOf(key) === 'listener');
    const event = auditEvent(act, ends && action === 'reserve' ? 'take-over' : action, { targets });
    return { ...each, puts: [...each.puts, put<'audit'>(key.audit(event.id), event)] };
  });
}

export function auditEvent(
  { principal: { id, name, role, parent }, holder, address }: Act,
  action: AuditAction,
  { targets = [], detail = null, times = 1 }: Partial<Pick<AuditEvent, 'targets' | 'detail' | 'times'>>,
): AuditEvent {
  const at = new Date().toISOString();
  // Ids sort by time, so that the oldest are found without looking into them.
  return {
    id: `${at}-${COORDINATOR}${(events++).toString(36).padStart(7, '0')}`,
    at,
    action,
    actor: { id, name, role, ...(parent !== undefined && { parent }) },
    ...(holder !== undefined && { holder }),
    address,
    targets,
    detail,
    times,
  };
}

/** The others follow from these, or are the store's own affairs. */
const TARGETS: ReadonlySet<EntryKind> = new Set([
  'assignment',
  'range',
  'block',
  'alias',
  'plan',
  'service',
  'finding',
  'host',
  'token',
  'enrolment',
  'webhook',
  'keyring',
]);

function targetsOf({ puts, deletes }: Alternative, fleet: Fleet): AuditEvent['targets'] {
  const targets: AuditEvent['targets'] = [];
  for (const { key, decoded } of puts) {
    const kind = kindOf(key);
    if (TARGETS.has(kind)) targets.push({ key, of: nameOf(kind, decoded as EntryValue | undefined) });
    if (kind === 'task') targets.push(...endedBy(decoded as Task));
  }
  for (const key of deletes) {
    const kind = kindOf(key);
    if (TARGETS.has(kind)) targets.push({ key, of: nameOf(kind, fleet.get(kind, key)?.value) });
  }
  return targets;
}

/** The sockets whose processes an agent is told to end. */
function endedBy(task: Task): AuditEvent['targets'] {
  if (task.kind !== 'end' || task.dryRun || task.answer !== null) return [];
  return task.targets.map((target) => ({ key: key.listener(task.host, target), of: target.service }));
}

function nameOf(kind: EntryKind, value: EntryValue | undefined): string | null {
  if (!value) return null;
  switch (kind) {
    case 'assignment':
      return formatEndpoint((value as Assignment).endpoint);
    case 'alias':
      return (value as EntryValue<'alias'>).of;
    case 'range':
      return (value as EntryValue<'range'>).owner;
    case 'plan':
      return (value as EntryValue<'plan'>).project;
    case 'service':
      return plannedId(value as EntryValue<'service'>);
    case 'host':
    case 'token':
    case 'enrolment':
    case 'webhook':
      return (value as EntryValue<'host' | 'token' | 'enrolment' | 'webhook'>).name;
    default:
      return null;
  }
}
