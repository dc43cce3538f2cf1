import { hash } from 'node:crypto';
import { BOOTSTRAP_TOKEN, Fleet, formatToken, key, type StoredToken, startParent } from '@portolan/model';
import { expect, test } from 'vitest';
import { admit } from './admission.ts';

const start = 'the token of the start';
const digestOf = (token: string) => hash('sha256', token, 'base64url');
const tokenOf = (id: string) => formatToken(id, 'x'.repeat(43));

function stored(id: string, over: Partial<StoredToken> = {}): StoredToken {
  const bound = { projects: null, host: null, expiresAt: null };
  const digest = digestOf(tokenOf(id));
  return {
    id,
    name: id,
    role: 'viewer',
    ...bound,
    createdAt: new Date().toISOString(),
    createdBy: 'x',
    digest,
    ...over,
  };
}

function fleetOf(...tokens: StoredToken[]): Fleet {
  const fleet = new Fleet();
  const entries = tokens.map((each) => ({
    key: key.token(each.id),
    value: JSON.stringify(each),
    version: '1.1' as const,
  }));
  fleet.load({ entries, position: '1-1', epoch: 1 });
  return fleet;
}

const maker = stored('0000000maker');
const login = stored('0000000login', { parent: maker.id });
const ofStart = stored('000000mostly', { parent: startParent(digestOf(start)) });
const bootstrap = stored(BOOTSTRAP_TOKEN, { role: 'admin', digest: digestOf(start) });
const admitted = ({ id }: StoredToken, fleet: Fleet) => admit(`Bearer ${tokenOf(id)}`, 'own', fleet).id;

test('an agent accepts a login as long as it knows the token that it was made with', () => {
  expect(admitted(login, fleetOf(maker, login))).toBe(login.id);
  expect(() => admitted(login, fleetOf(login))).toThrow('is a login');
});

test('an agent accepts the logins of the start’s token where it was told of that', () => {
  expect(admitted(ofStart, fleetOf(ofStart, bootstrap))).toBe(ofStart.id);
  expect(() => admitted(ofStart, fleetOf(ofStart))).toThrow('is a login');
});
