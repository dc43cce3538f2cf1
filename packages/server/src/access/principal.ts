import type { Caller, Role } from '@portolan/model';

/** Who asks, once the gate has looked at the token. */
export interface Principal extends Caller {
  /** Of a login: the id of the token that it was made with. */
  readonly parent?: string | undefined;
}

/** Id of the token that this one counts as, wherever something is counted for each: logins count as their maker. */
export function accountOf({ id, parent }: Pick<Principal, 'id' | 'parent'>): string {
  return parent ?? id;
}

/** The holder of the token that the coordinator was started with. It is in no store, so it can always mend one. */
export const BOOTSTRAP: Principal = {
  id: 'bootstrap',
  name: 'bootstrap',
  role: 'admin',
  projects: null,
  host: null,
  expiresAt: null,
};

/** The roles that may do a kind of thing; each operation names one of these. */
export const may = {
  /** Reads are for the whole fleet: who plans a port has to see everybody's. */
  read: ['admin', 'operator', 'agent', 'client', 'viewer'],
  hold: ['admin', 'operator', 'client'],
  renew: ['admin', 'operator', 'agent', 'client'],
  report: ['admin', 'agent'],
  operate: ['admin', 'operator'],
  administer: ['admin'],
} as const satisfies Record<string, readonly Role[]>;

/** `the token "ci" (client of mana)` */
export function describe({ name, role, projects, host }: Principal): string {
  const of = projects ? ` of ${projects.join(', ')}` : host !== null ? ` of host ${host}` : '';
  return `the token "${name}" (${role}${of})`;
}
