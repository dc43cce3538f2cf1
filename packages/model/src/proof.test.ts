import { describe, expect, test } from 'vitest';
import type { Listener } from './listener.ts';
import { isAtLeast, isEvidenceFor, proofOf, proofs } from './proof.ts';

type Identity = NonNullable<Listener['identity']>;

function identity(kind: Identity['evidence']['kind'], service = 'shop/cart', label: string | null = null): Identity {
  return { service, label, instance: null, evidence: { kind, detail: 'as a test says' } };
}

describe('what evidence proves', () => {
  test.each([
    ['an environment that names the port', identity('lease', 'shop/cart', 'api'), 'port'],
    ['an environment that names other ports', identity('lease'), 'nothing'],
    ['a manifest that names the port', identity('manifest', 'shop/cart', 'api'), 'port'],
    ['a manifest', identity('manifest'), 'service'],
    ['labels of a container', identity('container'), 'service'],
    ['the name of a container', identity('container', 'unknown/cart'), 'name'],
    ['a unit', identity('systemd', 'unknown/cart'), 'name'],
    ['a name in PM2', identity('pm2', 'unknown/cart'), 'name'],
    ['a command', identity('command', 'unknown/cart'), 'name'],
    // Evidence of a kind that tells no project does not tell one, whatever somebody writes.
    ['a unit, said to be of a project', identity('systemd'), 'name'],
    ['a command, said to be of a project', identity('command', 'shop/cart', 'api'), 'name'],
    ['an environment of no project', identity('lease', 'unknown/cart', 'api'), 'name'],
    ['an environment of no project, for other ports', identity('lease', 'unknown/cart'), 'nothing'],
    ['a manifest of no project', identity('manifest', 'Unknown/cart', 'api'), 'name'],
    ['nothing', null, 'nothing'],
  ] as const)('%s: %s', (_, seen, proof) => {
    expect(proofOf(seen)).toBe(proof);
  });

  test('a stronger proof holds for a weaker one, and not the other way round', () => {
    for (const [i, one] of proofs.entries()) {
      for (const [j, other] of proofs.entries()) expect(isAtLeast(one, other)).toBe(i >= j);
    }
  });

  test('a name alone is that of any service so called, a project is that of its own', () => {
    expect(isEvidenceFor(identity('command', 'unknown/cart'), 'shop/cart')).toBe(true);
    expect(isEvidenceFor(identity('command', 'unknown/cart'), 'shop/pay')).toBe(false);
    expect(isEvidenceFor(identity('lease', 'shop/cart', 'api'), 'bank/cart')).toBe(false);
    expect(isEvidenceFor(identity('lease', 'shop/cart', 'api'), 'shop/cart')).toBe(true);
  });
});
