import {
  type Assignment,
  type EntryKind,
  type EntryValue,
  entryKinds,
  Fleet,
  key,
  PortolanError,
} from '@portolan/model';
import { describe, expect, test } from 'vitest';
import { alternative, put } from '../commands/entries.ts';
import type { Alternative } from '../store/store.ts';
import { checkCommit } from './bounds.ts';
import type { Principal } from './principal.ts';

const facts = { id: 'x', name: 'x', expiresAt: null };
const agent: Principal = { ...facts, role: 'agent', host: 'mine', projects: null };
const client: Principal = { ...facts, role: 'client', host: null, projects: ['own'] };
const admin: Principal = { ...facts, role: 'admin', host: null, projects: null };

function assignment(project: string, host?: string, more: Partial<Assignment> = {}): Assignment {
  return {
    protocol: 'tcp',
    port: 3000,
    endpoint: { project, service: 's', label: 'default', instance: 1 },
    lease: { id: 'l', ttl: 60 },
    ...(host !== undefined && { host }),
    grantedAt: '2026-11-21T08:37:20.949Z',
    ...more,
  };
}

/** A fleet with these entries in it. */
function fleetOf(entries: Record<string, unknown>): Fleet {
  const fleet = new Fleet();
  const puts = Object.entries(entries).map(([entryKey, value]) => ({ key: entryKey, value: JSON.stringify(value) }));
  fleet.apply([{ position: '1-a', revision: 1, epoch: 1, puts, deletes: [] }]);
  return fleet;
}

function may(principal: Principal, commit: Partial<Alternative>, stands: Record<string, unknown> = {}): boolean {
  try {
    checkCommit(principal, [alternative(commit)], fleetOf(stands));
    return true;
  } catch (error) {
    if (error instanceof PortolanError && error.code === 'forbidden') return false;
    throw error;
  }
}

const at = key.assignment('tcp', 3000);
const puts = (value: Assignment) => ({ puts: [put<'assignment'>(at, value)] });

describe('an assignment', () => {
  const standing = { none: undefined, own: assignment('own', 'mine'), foreign: assignment('foreign', 'theirs') };
  const unnamed = assignment('own');
  const table: [
    what: string,
    stands: Assignment | undefined,
    commit: Partial<Alternative>,
    of: [agent: boolean, client: boolean],
  ][] = [
    ['is given where none stands', standing.none, puts(standing.own), [false, true]],
    ['of somebody else is given where none stands', standing.none, puts(standing.foreign), [false, false]],
    ['is renewed', standing.own, puts({ ...standing.own, unattended: 'handed-over', grant: '1.1' }), [true, true]],
    ['gets another holder', standing.own, puts({ ...standing.own, holder: 'x' }), [false, true]],
    ['is made permanent', standing.own, puts({ ...standing.own, lease: null }), [false, true]],
    ['is put over one of somebody else', standing.foreign, puts(standing.own), [false, false]],
    ['is put over one that names no host', unnamed, puts(standing.own), [false, true]],
    ['is given away', standing.own, puts(standing.foreign), [false, false]],
    ['is taken away', standing.own, { deletes: [at] }, [false, true]],
    ['of somebody else is taken away', standing.foreign, { deletes: [at] }, [false, false]],
    ['has its lease renewed', standing.own, { leases: [{ id: 'l', ttl: 60_000 }] }, [true, true]],
    ['has its lease ended', standing.own, { leases: [{ id: 'l', ttl: null }] }, [false, true]],
    [
      'of somebody else has its lease renewed',
      standing.foreign,
      { leases: [{ id: 'l', ttl: 60_000 }] },
      [false, false],
    ],
    ['that names no host has its lease renewed', unnamed, { leases: [{ id: 'l', ttl: 60_000 }] }, [false, true]],
  ];
  test.each(table)('%s', (_, stands, commit, [byAgent, byClient]) => {
    const entries = stands ? { [at]: stands } : {};
    expect({ byAgent: may(agent, commit, entries), byClient: may(client, commit, entries) }).toEqual({
      byAgent,
      byClient,
    });
    expect(may(admin, commit, entries)).toBe(true);
  });

  test('that names the host by its name is not of the host', () => {
    const host = { id: 'mine', name: 'called', state: 'alive' };
    const named = assignment('own', 'called');
    const entries = { [at]: named, [key.host('mine')]: host };
    expect(may(agent, { leases: [{ id: 'l', ttl: 60_000 }] }, entries)).toBe(false);
  });

  test('that has changed hands since it was decided on is for the store to refuse', () => {
    const decided = { ...puts(standing.own), conditions: [{ key: at, version: null }] };
    expect(may(client, decided, { [at]: standing.foreign })).toBe(true);
  });
});

test('an index of an endpoint is changed by clients of its project alone', () => {
  const index = key.endpoint(assignment('own').endpoint, 'tcp');
  const foreign = key.endpoint(assignment('foreign').endpoint, 'tcp');
  const indexed = put<'endpoint'>(index, { port: 3000 });
  const granted = put<'assignment'>(at, assignment('own', 'mine'));
  expect(may(agent, { puts: [granted, indexed] })).toBe(false);
  expect(may(agent, { puts: [indexed] })).toBe(false);
  expect(may(agent, { deletes: [index] }, { [index]: { port: 3000 } })).toBe(false);
  expect(may(client, { puts: [indexed] })).toBe(true);
  expect(may(client, { puts: [put<'endpoint'>(foreign, { port: 3000 })] })).toBe(false);
  expect(may(client, { deletes: [foreign] })).toBe(false);
});

test('an agent speaks for its own host alone, and answers its own tasks', () => {
  for (const entryKey of [key.sync('HOST'), key.listener('HOST', 'l'), 'host/HOST', 'health/HOST/p/s:l']) {
    const of = (host: string) => ({ deletes: [entryKey.replace('HOST', host)] });
    expect([may(agent, of('mine')), may(agent, of('theirs')), may(client, of('mine'))]).toEqual([true, false, false]);
  }
  expect(may(agent, { leases: [{ id: 'host:mine', ttl: 1 }] })).toBe(true);
  for (const principal of [agent, client])
    expect(may(principal, { leases: [{ id: 'host:theirs', ttl: null }] })).toBe(false);
  const task = (host: string) =>
    ({ id: 't', host, kind: 'probe', protocol: 'tcp', ports: [1], answer: null }) as EntryValue<'task'>;
  const answered = (host: string) => ({ puts: [put<'task'>(key.task('t'), task(host))] });
  expect(may(agent, answered('mine'), { [key.task('t')]: task('mine') })).toBe(true);
  expect(may(agent, answered('mine'), { [key.task('t')]: task('theirs') })).toBe(false);
  expect(may(agent, answered('mine'))).toBe(false);
  const guard = (by: string) => ({ puts: [put<'guard'>(key.guard('host/n'), { by })] });
  expect([may(agent, guard('mine')), may(agent, guard('theirs')), may(client, guard('mine'))]).toEqual([
    true,
    false,
    false,
  ]);
  expect(may(agent, guard('mine'), { [key.guard('host/n')]: { by: 'theirs' } })).toBe(false);
  expect(may(agent, { puts: [put<'guard'>(key.guard('ranges'), { by: 'mine' })] })).toBe(false);
});

test('a bound token makes logins of its own, with its own rights and no others', () => {
  const at = key.token('0123456789ab');
  for (const principal of [agent, client]) {
    const { role, projects, host, id: parent } = principal;
    const login = {
      id: '0123456789ab',
      name: 'n',
      role,
      projects,
      host,
      createdAt: '2026-01-01T00:00:00.000Z',
      createdBy: 'n',
      expiresAt: null,
      digest: 'd',
      parent,
    };
    const made = (over: object) => ({ puts: [put<'token'>(at, { ...login, ...over })] });
    expect(may(principal, made({}))).toBe(true);
    for (const over of [
      { role: 'admin' },
      { projects: ['theirs'], host: null },
      { parent: 'another' },
      { parent: undefined },
    ] as const) {
      expect(may(principal, made(over)), JSON.stringify(over)).toBe(false);
    }
    expect(may(principal, { deletes: [at] }, { [at]: login })).toBe(true);
    expect(may(principal, { deletes: [at] }, { [at]: { ...login, parent: 'another' } })).toBe(false);
  }
});

test('what no rule speaks of is out of reach', () => {
  const kinds = Object.keys(entryKinds) as EntryKind[];
  const reached = (principal: Principal) =>
    kinds.filter((kind) => may(principal, { deletes: [`${kind}/mine/x`] })).sort();
  expect(reached(client)).toEqual(['assignment', 'finding', 'resting']);
  expect(reached(agent)).toEqual(['health', 'host', 'listener', 'sync']);
  expect(reached(admin)).toEqual(kinds.sort());
});
