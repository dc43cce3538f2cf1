import { posix } from 'node:path';
import type { PortFact } from '../fact.ts';

/**
 * Where facts start or list their service beside others: those of one place run side by side. Services of different corners
 * of a tree may be alternatives, examples, or each in a container of its own; and a default is there to be overridden.
 */
export function placesOf(facts: readonly PortFact[]): ReadonlySet<string> {
  return new Set(
    facts.flatMap((fact) => {
      const { file } = fact.place;
      if (fact.kind === 'states') return fact.planned ? [] : [`${file} ${fact.list ?? ''}`];
      if (fact.kind !== 'binds' || fact.fallback) return [];
      // Units of one folder are started on one machine; of compose files in one folder, often one or the other is used.
      return [fact.by === 'unit' ? posix.dirname(file) : file];
    }),
  );
}

/** Which of several services, by the places of each, stand in one place with another. */
export function together(services: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const holders = new Map<string, string[]>();
  for (const [service, places] of services)
    for (const place of places) holders.set(place, [...(holders.get(place) ?? []), service]);
  return new Set([...holders.values()].filter((those) => those.length > 1).flat());
}
