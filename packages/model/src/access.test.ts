import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatToken, roles, TokenRequest, tokenIdOf } from './access.ts';

test('a token tells its id, and what is no token tells none', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9]{12}$/);
  const secret = fc.stringMatching(/^[A-Za-z0-9_-]{43}$/);
  fc.assert(fc.property(id, secret, (id, secret) => tokenIdOf(formatToken(id, secret)) === id));
  fc.assert(fc.property(secret, (secret) => tokenIdOf(`ptn_${secret}`) === undefined));
  for (const wrong of ['', 'ptn__', 'ptn_0123456789ab_short', `xtn_0123456789ab_${'s'.repeat(43)}`]) {
    expect(tokenIdOf(wrong), wrong).toBeUndefined();
  }
});

test('a client names projects, an agent its host, and the others neither', () => {
  for (const role of roles) {
    const fits = (bounds: object) => TokenRequest.safeParse({ role, name: 'x', ...bounds }).success;
    expect(fits({}), role).toBe(role !== 'client' && role !== 'agent');
    expect(fits({ projects: ['mana'] }), role).toBe(role === 'client');
    expect(fits({ host: 'h1' }), role).toBe(role === 'agent');
    expect(fits({ projects: ['mana'], host: 'h1' }), role).toBe(false);
  }
});
