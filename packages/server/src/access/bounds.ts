import {
  type Assignment,
  type Endpoint,
  type EntryKind,
  type EntryValue,
  type Fleet,
  formatEndpoint,
  kindOf,
  PortolanError,
  type Role,
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

/**
 * Tests a commit against what the token is bound to, whichever way the command came to it. A request may name a lease or
 * a port, of which only the decision knows whose it is; and since the commit holds only for the entries that it was
 * decided on, nothing can change hands in between.
 *
 * @throws PortolanError `forbidden`
 */
export function checkCommit(principal: Principal, alternatives: readonly Alternative[], fleet: Fleet): void {
  if (principal.projects === null && principal.host === null) return;
  for (const { puts, deletes, leases } of alternatives) {
    for (const each of puts) checkEntry(principal, each.key, written(each), fleet);
    for (const entryKey of deletes) {
      const kind = kindOf(entryKey);
      checkEntry(principal, entryKey, fleet.get(kind, entryKey)?.value, fleet);
    }
    for (const { id } of leases) {
      if (principal.host !== null && id === hostLease(principal.host)) continue;
      for (const { value } of fleet.leased(id)) checkAssignment(principal, value, fleet);
    }
  }
}

function checkEntry(principal: Principal, entryKey: string, value: EntryValue | undefined, fleet: Fleet): void {
  const kind = kindOf(entryKey);
  if (kind === 'assignment' && value) checkAssignment(principal, value as Assignment, fleet);
  const host = hostOf(kind, entryKey, value);
  if (host !== undefined) checkHost(principal, host);
}

function checkAssignment(principal: Principal, value: Assignment, fleet: Fleet): void {
  if (principal.host === null) checkProject(principal, value.endpoint.project, value.endpoint);
  else checkRunsOn(principal, principal.host, value, fleet);
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

/** A lease is of a host when its holder said that it runs there, by the host's id or name. */
function checkRunsOn(principal: Principal, host: string, { endpoint, host: named }: Assignment, fleet: Fleet): void {
  if (named !== undefined && (named === host || named === fleet.host(host)?.name)) return;
  throw new PortolanError(
    'forbidden',
    `${formatEndpoint(endpoint)} ${named === undefined ? 'names no host' : `is of the host ${named}`}, and ${describe(principal)} may not renew it`,
    { host: named ?? null, bound: host },
  );
}

function hostOf(kind: EntryKind, entryKey: string, value: EntryValue | undefined): string | undefined {
  switch (kind) {
    case 'host':
    case 'sync':
    case 'listener':
    case 'health':
      return entryKey.split('/', 2)[1];
    case 'task':
      return (value as EntryValue<'task'> | undefined)?.host;
    default:
      return undefined;
  }
}

function written({ value, decoded }: Put): EntryValue {
  return (decoded ?? JSON.parse(value)) as EntryValue;
}
