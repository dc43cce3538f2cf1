import { severities } from '@portolan/model';
import { type Chart, chartOf, type Subject } from './chart.ts';
import { collisions } from './collision.ts';
import { unknownDependencies } from './dependency.ts';
import { drifts } from './drift.ts';
import { exposures } from './exposure.ts';
import type { PlanFinding } from './finding.ts';
import { gaps } from './gap.ts';
import { liveFindings } from './live.ts';
import { staleMentions } from './mention.ts';
import { misplacements } from './misplacement.ts';
import { brokenPairs } from './pairing.ts';
import { unplannedServices } from './unplanned.ts';

const rules: readonly ((chart: Chart) => PlanFinding[])[] = [
  collisions,
  misplacements,
  exposures,
  drifts,
  staleMentions,
  gaps,
  brokenPairs,
  unknownDependencies,
  unplannedServices,
  liveFindings,
];

/**
 * All that is wrong, the worst first; what is in doubt, by the rule or because the plan says so, comes last. The same whatever
 * the order of the facts.
 */
export function check(subject: Subject): PlanFinding[] {
  const chart = chartOf(subject);
  const { unsure } = subject.manifest;
  const found = new Map<string, PlanFinding>();
  for (const rule of rules) {
    for (const finding of rule(chart)) {
      const doubt = finding.doubt ?? (Object.hasOwn(unsure, finding.id) ? unsure[finding.id] : undefined);
      if (!found.has(finding.id)) found.set(finding.id, doubt === undefined ? finding : { ...finding, doubt });
    }
  }
  return [...found.values()].sort(byUrgency);
}

function byUrgency(a: PlanFinding, b: PlanFinding): number {
  return (
    Number(a.doubt !== undefined) - Number(b.doubt !== undefined) ||
    severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
    (a.port ?? 0) - (b.port ?? 0) ||
    (a.id < b.id ? -1 : 1)
  );
}
