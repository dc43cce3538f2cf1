import { posix } from 'node:path';
import type { Fact } from '../fact.ts';
import type { SurveyedService } from '../import/reconcile.ts';
import { slugOf } from '../import/service-name.ts';
import type { Manifest } from '../manifest/schema.ts';

/**
 * Facts with the names that the manifest has for their services: by the name itself, an alias, the folder, else by what
 * the files call them. Services that it does not have keep the name that the files gave them.
 *
 * @param prefix from the root of the survey to the folder of the manifest: empty, or `apps/shop/`
 */
export function adopt(
  facts: readonly Fact[],
  services: readonly SurveyedService[],
  manifest: Manifest,
  prefix: string,
): Fact[] {
  const names = plannedNames(facts, services, manifest, prefix);
  const rename = (name: string) => names.get(name) ?? name;
  return facts.map((fact) => ({
    ...fact,
    ...(fact.service !== undefined && { service: rename(fact.service) }),
    ...(fact.kind === 'depends' && fact.onService !== undefined && { onService: rename(fact.onService) }),
    ...(fact.kind === 'pair' && fact.otherService !== undefined && { otherService: rename(fact.otherService) }),
  }));
}

function plannedNames(
  facts: readonly Fact[],
  surveyed: readonly SurveyedService[],
  manifest: Manifest,
  prefix: string,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const service of surveyed) {
    const planned = plannedName(service, manifest, prefix);
    if (planned !== undefined) names.set(service.name, planned);
  }
  // A name that is common to many, such as postgres, means the one of the plan only where one service alone goes by it.
  const matched = new Set(names.values());
  const called = new Map<string, Set<string>>();
  for (const { service, names: hints } of facts) {
    if (service === undefined || names.has(service)) continue;
    const slugs = new Set(hints.map(({ name }) => slugOf(name)));
    for (const planned of Object.keys(manifest.services)) {
      if (matched.has(planned) || !slugs.has(slugOf(planned))) continue;
      called.set(planned, (called.get(planned) ?? new Set()).add(service));
    }
  }
  for (const [planned, candidates] of called) {
    const [only] = candidates;
    if (candidates.size === 1 && !names.has(only!)) names.set(only!, planned);
  }
  return names;
}

function plannedName(
  { name, aliases, directory }: SurveyedService,
  { services }: Manifest,
  prefix: string,
): string | undefined {
  if (name in services) return name;
  const called = new Set([name, ...aliases]);
  const all = Object.entries(services);
  const housed = all.filter(
    ([, plan]) =>
      directory !== undefined && plan.directory !== undefined && inTree(prefix, plan.directory) === directory,
  );
  const matches =
    housed.length === 1
      ? housed
      : all.filter(([planned, plan]) => called.has(planned) || plan.aliases.some((alias) => called.has(alias)));
  // Of several nobody can tell which is meant.
  return matches.length === 1 ? matches[0]![0] : undefined;
}

function inTree(prefix: string, directory: string): string {
  return posix.join(prefix, directory).replace(/(?<=.)\/$/, '');
}
