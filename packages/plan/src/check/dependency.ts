import type { DependsOn } from '../fact.ts';
import type { Chart } from './chart.ts';
import type { PlanFinding } from './finding.ts';

/** Services that are needed and that nobody knows. */
export function unknownDependencies(chart: Chart): PlanFinding[] {
  return [...ofPlan(chart), ...ofFiles(chart)];
}

function ofPlan(chart: Chart): PlanFinding[] {
  const { project, services } = chart.manifest;
  return Object.entries(services).flatMap(([service, { dependencies }]) =>
    dependencies.flatMap((needed, index) => {
      // Services of other projects are known to the fleet alone.
      const name = needed.startsWith(`${project}/`) ? needed.slice(project.length + 1) : needed;
      if (name.includes('/') || isKnown(chart, name)) return [];
      const place = chart.written(['services', service, 'dependencies', index]);
      return place ? [finding(chart, service, name, [{ place, says: `${service} depends on ${needed}` }])] : [];
    }),
  );
}

/** In a compose file a dependency is the name of a service; elsewhere it may be anything that people call it. */
function ofFiles(chart: Chart): PlanFinding[] {
  const unknown = chart.facts.filter(
    (fact): fact is DependsOn =>
      fact.kind === 'depends' && fact.sure === 'certain' && fact.importer === 'compose' && fact.onService === undefined,
  );
  return [...Map.groupBy(unknown, (fact) => `${fact.service}:${fact.on[0]?.name}`).values()].flatMap((facts) => {
    const [{ service, on, names }] = facts as [DependsOn];
    const needed = on[0]?.name;
    if (needed === undefined || isKnown(chart, needed)) return [];
    const who = service ?? names[0]?.name ?? 'a service';
    return [
      finding(
        chart,
        who,
        needed,
        facts.map(({ place }) => ({ place, says: `${who} depends on ${needed}` })),
      ),
    ];
  });
}

function isKnown({ manifest, endpoints }: Chart, name: string): boolean {
  if (endpoints.some(({ service }) => service === name)) return true;
  return name in manifest.services || Object.values(manifest.services).some(({ aliases }) => aliases.includes(name));
}

function finding(chart: Chart, service: string, needed: string, witnesses: PlanFinding['witnesses']): PlanFinding {
  const near = nearest(needed, Object.keys(chart.manifest.services));
  return {
    id: `unknown-dependency:${service}:${needed}`,
    kind: 'unknown-dependency',
    severity: 'error',
    port: null,
    protocol: 'tcp',
    services: [service],
    summary: `${service} depends on ${needed}, which is no service that is known.`,
    witnesses,
    fixes: [
      ...(near ? [`write ${near}, if that is meant`] : []),
      `add ${needed} to the services of portolan.yaml (portolan add ${needed}), or take the dependency out`,
    ],
  };
}

/** The name that is at most two letters away. */
function nearest(word: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, distance: distanceOf(word, name) }))
    .filter(({ distance }) => distance <= 2)
    .sort((a, b) => a.distance - b.distance);
  return best?.name;
}

/** Letters to insert, delete or replace. */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1])));
    }
    row = next;
  }
  return row[b.length]!;
}
