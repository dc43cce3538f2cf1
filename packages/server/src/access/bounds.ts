import {
  type Assignment,
  type Endpoint,
  type EntryKind,
  type EntryValue,
  type Fleet,
  formatEndpoint,
  key as keyOf,
  kindOf,
  PortolanError,
  parseEndpoint,
  type Role,
  sameValue,
} from '@portolan/model';
import { hostLease } from '../commands/hosts.ts';
import type { Alternative, Put } from '../store/store.ts';
import { describe, type Principal } from './principal.ts';

/** What a request says by itself that it is about. */
export interface Scope {
  readonly project?: string;
  /** Id of a host. */
  readonly host?: string;
}

/** @throws PortolanError `forbidden` */
export function checkRole(principal: Principal, allowed: readonly Role[]): void {
  if (allowed.includes(principal.role)) return;
  throw new PortolanError(
    'forbidden',
    `${describe(principal)} may not do this; it needs the role ${allowed.join(' or ')}`,
    { role: principal.role, needed: [...allowed] },
  );
}

/** @throws PortolanError `forbidden` when the token is bound to something else */
export function checkScope(principal: Principal, { project, host }: Scope): void {
  if (project !== undefined) checkProject(principal, project);
  if (host !== undefined) checkHost(principal, host);
}

/** What a commit does to one entry: the one that stands, if any, and what it would be; both are looked at. */
interface Change {
  readonly key: string;
  readonly before: EntryValue | undefined;
  /** Absent where it is deleted. */
  readonly after: EntryValue | undefined;
}

/** @throws PortolanError `forbidden` */
type Rule = (principal: Principal, change: Change, fleet: Fleet) => void;

/**
 * Tests a commit against what the token is bound to, whichever way the command came to it. A request may name a lease or
 * a port, of which only the decision knows whose it is; and since the commit holds only for the entries that it was
 * decided on, nothing can change hands in between.
 *
 * What stands counts as much as what is put: else a token could make its own whatever it may write over. A kind of entry
 * for which the role has no rule is out of its reach.
 *
 * @throws PortolanError `forbidden`
 */
export function checkCommit(principal: Principal, alternatives: readonly Alternative[], fleet: Fleet): void {
  const rules = principal.host !== null ? ofHost : principal.projects !== null ? ofProjects : undefined;
  if (!rules) return;
  for (const { conditions, puts, deletes, leases } of alternatives) {
    // Somebody changed what it was decided on: the store will not take it, and it is decided anew.
    if (conditions.some((each) => 'key' in each && fleet.version(kindOf(each.key), each.key) !== each.version))
      continue;
    const written = puts.map((each) => ({ key: each.key, after: decodedOf(each) }));
    const removed = deletes.map((key) => ({ key, after: undefined }));
    for (const each of [...written, ...removed]) {
      const kind = kindOf(each.key);
      const before = fleet.get(kind, each.key)?.value;
      (rules[kind] ?? outOfReach)(principal, { ...each, before }, fleet);
    }
    for (const { id, ttl } of leases) checkLease(principal, id, ttl, fleet);
  }
}

/** What a client may change: what is of its projects. */
const ofProjects: Partial<Record<EntryKind, Rule>> = {
  assignment: (principal, change) => {
    for (const { endpoint } of valuesOf<'assignment'>(change)) checkProject(principal, endpoint.project, endpoint);
  },
  endpoint: (principal, { key }) => {
    const endpoint = endpointOf(key);
    if (endpoint) checkProject(principal, endpoint.project, endpoint);
    else outOfReach(principal, { key });
  },
  resting: (principal, change) => {
    for (const { endpoint } of valuesOf<'resting'>(change)) checkProject(principal, endpoint.project, endpoint);
  },
  finding: (principal, change) => {
    checkLoss(principal, change);
    for (const { parties } of valuesOf<'finding'>(change)) {
      const lost = parties[0]?.endpoint;
      if (lost) checkProject(principal, lost.project, lost);
    }
  },
  event: checkNew,
  task: checkNew,
  token: checkLogin,
};

/**
 * What an agent may change: what is of its host, by the host's id. A name gives no right, for it is the agent that says it.
 *
 * An assignment that names its host it may renew, on the terms that stand. It gives none: leases that it gave without a
 * coordinator are made real with the rights of whoever asked for them.
 */
const ofHost: Partial<Record<EntryKind, Rule>> = {
  assignment: (principal, { key, before, after }) => {
    const [stands, wanted] = [before, after] as (Assignment | undefined)[];
    if (!stands || !wanted) return outOfReach(principal, { key });
    checkRunsOn(principal, stands);
    if (!sameValue(termsOf(stands), termsOf(wanted))) outOfReach(principal, { key });
  },
  token: checkLogin,
  host: checkHostOfKey,
  sync: checkHostOfKey,
  listener: checkHostOfKey,
  health: checkHostOfKey,
  guard: (principal, { key, ...change }) => {
    if (!key.startsWith(keyOf.guard('host/'))) outOfReach(principal, { key });
    for (const { by } of valuesOf<'guard'>(change)) checkHost(principal, by);
  },
  task: (principal, { key, before, after }) => {
    if (!before || !after) outOfReach(principal, { key });
    for (const { host } of valuesOf<'task'>({ before, after })) checkHost(principal, host);
  },
};

function checkLease(principal: Principal, id: string, ttl: number | null, fleet: Fleet): void {
  if (id.startsWith(hostLease(''))) {
    if (principal.host === null || id !== hostLease(principal.host)) outOfReach(principal, { key: id });
    return;
  }
  for (const { key, value } of fleet.leased(id)) {
    if (principal.host === null) checkProject(principal, value.endpoint.project, value.endpoint);
    else checkRunsOn(principal, value);
    if (principal.host !== null && ttl === null) outOfReach(principal, { key });
  }
}

function checkHostOfKey(principal: Principal, { key }: Pick<Change, 'key'>): void {
  checkHost(principal, key.split('/', 2)[1] ?? '');
}

function checkNew(principal: Principal, { key, before, after }: Change): void {
  if (before || !after) outOfReach(principal, { key });
}

/** Logins of its own, which may do what it may and no more. */
function checkLogin(principal: Principal, { key, ...change }: Change): void {
  const rights = ({ role, projects, host }: Pick<Principal, 'role' | 'projects' | 'host'>) => ({
    role,
    projects,
    host,
  });
  const logins = valuesOf<'token'>(change);
  if (logins.length === 0) outOfReach(principal, { key });
  for (const login of logins) {
    if (login.parent !== principal.id || !sameValue(rights(login), rights(principal))) outOfReach(principal, { key });
  }
}

/** Of findings, only that a promise was lost, or is kept after all. */
function checkLoss(principal: Principal, { key, ...change }: Change): void {
  if (valuesOf<'finding'>(change).some(({ kind }) => kind !== 'lost-assignment')) outOfReach(principal, { key });
}

/** All of it but what a renewal changes. */
function termsOf({ unattended: _, grant: __, ...terms }: Assignment): object {
  return terms;
}

function valuesOf<K extends EntryKind>({ before, after }: Pick<Change, 'before' | 'after'>): EntryValue<K>[] {
  return [before, after].filter((value) => value !== undefined) as EntryValue<K>[];
}

/** The endpoint in the key of its index: `endpoint/mana/mana-sync:api/tcp`. */
function endpointOf(entryKey: string): Endpoint | undefined {
  return parseEndpoint(textOf(entryKey));
}

function textOf(entryKey: string): string {
  return entryKey.slice('endpoint/'.length, entryKey.lastIndexOf('/'));
}

function outOfReach(principal: Principal, { key }: Pick<Change, 'key'>): never {
  throw new PortolanError('forbidden', `${describe(principal)} may not change ${key}`, { key });
}

function checkProject(principal: Principal, project: string, endpoint?: Endpoint): void {
  if (principal.projects === null || principal.projects.includes(project)) return;
  const what = endpoint
    ? `${formatEndpoint(endpoint)} is of the project ${project}`
    : `this is of the project ${project}`;
  throw new PortolanError('forbidden', `${what}, and ${describe(principal)} may not change it`, {
    project,
    projects: principal.projects,
  });
}

function checkHost(principal: Principal, host: string): void {
  if (principal.host === null || principal.host === host) return;
  throw new PortolanError('forbidden', `this is of the host ${host}, and ${describe(principal)} may not change it`, {
    host,
    bound: principal.host,
  });
}

/** An assignment is of a host when its holder said that it runs there; kept is the id of that host. */
function checkRunsOn(principal: Principal, { endpoint, host }: Assignment): void {
  if (host !== undefined && host === principal.host) return;
  throw new PortolanError(
    'forbidden',
    `${formatEndpoint(endpoint)} ${host === undefined ? 'names no host' : `is of the host ${host}`}, and ${describe(principal)} may not change it`,
    { host: host ?? null, bound: principal.host },
  );
}

function decodedOf({ value, decoded }: Put): EntryValue {
  return (decoded ?? JSON.parse(value)) as EntryValue;
}
