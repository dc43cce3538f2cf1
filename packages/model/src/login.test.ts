import { beforeEach, expect, test } from 'vitest';
import type { StoredToken } from './access.ts';
import { key } from './entry.ts';
import { Fleet } from './fleet.ts';
import { endOf, startParent } from './login.ts';

const NOW = Date.parse('2026-11-21T08:00:00.000Z');
const START = startParent('d'.repeat(43));

let fleet: Fleet;
let revision: number;
beforeEach(() => {
  fleet = new Fleet();
  revision = 0;
});

function change(puts: readonly StoredToken[], deletes: readonly string[] = []): void {
  revision++;
  const entries = puts.map((each) => ({ key: key.token(each.id), value: JSON.stringify(each) }));
  const deleted = deletes.map((id) => key.token(id));
  fleet.apply([{ position: `${revision}-1`, revision, epoch: 1, puts: entries, deletes: deleted }]);
}

function token(id: string, over: Partial<StoredToken> = {}): StoredToken {
  const bound = { projects: null, host: null };
  const times = { createdAt: '2026-11-21T07:00:00.000Z', expiresAt: null };
  return { id, name: id, role: 'viewer', ...bound, ...times, createdBy: 'x', digest: 'x'.repeat(43), ...over };
}

const end = (each: StoredToken, start: string | undefined = START) => endOf(each, fleet, start, NOW);

test('a login ends with the token that it was made with, whether that was revoked or has expired', () => {
  const login = token('login', { parent: 'maker' });
  change([token('maker'), login]);
  expect(end(login)).toBeUndefined();
  change([token('maker', { expiresAt: '2026-11-21T08:00:00.000Z' })]);
  expect(end(login)).toBe('orphaned');
  change([], ['maker']);
  expect(end(login)).toBe('orphaned');
  expect(end(token('login', { parent: 'maker', expiresAt: '2026-11-21T07:59:59.000Z' }))).toBe('expired');
});

test('a login does not come back with somebody else who has the id of its maker', () => {
  const admin = token('login', { parent: 'maker', role: 'admin' });
  const client = token('ci', { parent: 'maker', role: 'client', projects: ['mana'] });
  change([token('maker', { role: 'agent', host: 'h1' })]);
  expect(end(admin)).toBe('orphaned');
  expect(end(token('agent', { parent: 'maker', role: 'agent', host: 'h1' }))).toBeUndefined();
  expect(end(token('agent', { parent: 'maker', role: 'agent', host: 'h2' }))).toBe('orphaned');
  change([token('maker', { role: 'client', projects: ['shop'] })]);
  expect(end(client)).toBe('orphaned');
});

test('what a login made is not accepted, however long the chain', () => {
  const second = token('second', { parent: 'first' });
  change([token('maker'), token('first', { parent: 'maker' }), second]);
  expect(end(second)).toBe('orphaned');
});

test('a login of the start’s token is accepted where that token is, and nowhere else', () => {
  const login = token('login', { parent: START });
  expect(end(login)).toBeUndefined();
  expect(end(login, startParent('e'.repeat(43)))).toBe('orphaned');
  expect(endOf(login, fleet, undefined, NOW)).toBe('orphaned');
});

test('the logins of each token are known, and how many there are', () => {
  change([
    token('maker'),
    token('a', { parent: 'maker' }),
    token('b', { parent: 'maker' }),
    token('c', { parent: START }),
  ]);
  const ids = (parent: string) => Array.from(fleet.logins(parent), ({ value }) => value.id).sort();
  expect([ids('maker'), ids(START), ids('nobody'), fleet.loginCount]).toEqual([['a', 'b'], ['c'], [], 3]);
  change([token('a', { parent: 'maker', name: 'again' })], ['b', 'c']);
  expect([ids('maker'), [...fleet.loginParents()], fleet.loginCount]).toEqual([['a'], ['maker'], 1]);
  fleet.clear();
  expect([[...fleet.loginParents()], fleet.loginCount]).toEqual([[], 0]);
});
