import { posix } from 'node:path';
import type { Binds, Fact, Internal } from '../fact.ts';

/**
 * A variable in a settings file that a compose file of the same folder puts into its ports is what compose makes of it,
 * whatever it is called: `EXPOSE_DB_PORT` is the published port of the container, `SANDBOX_PORT` the one inside.
 */
export function settleComposeVariables(facts: readonly Fact[]): Fact[] {
  const uses = new Map<string, Binds | Internal>();
  for (const fact of facts) {
    if (fact.importer !== 'compose' || (fact.kind !== 'binds' && fact.kind !== 'internal')) continue;
    const key = fact.variable === undefined ? undefined : `${posix.dirname(fact.place.file)} ${fact.variable}`;
    if (key !== undefined && (fact.kind === 'binds' || !uses.has(key))) uses.set(key, fact);
  }
  return facts.map((fact) => {
    if (fact.kind !== 'binds' || fact.importer !== 'env' || fact.variable === undefined) return fact;
    const use = uses.get(`${posix.dirname(fact.place.file)} ${fact.variable}`);
    if (!use) return fact;
    const { label: _label, why: _why, ...rest } = fact;
    if (use.kind === 'binds')
      return {
        ...rest,
        names: use.names,
        sure: 'certain',
        ...(use.inside === undefined ? {} : { inside: use.inside }),
        ...(use.label === undefined ? {} : { label: use.label }),
        ...(use.profiles === undefined ? {} : { profiles: use.profiles }),
      };
    const { by: _by, fallback: _fallback, variant: _variant, ...inner } = rest;
    return { ...inner, kind: 'internal', names: use.names, sure: 'certain' };
  });
}
