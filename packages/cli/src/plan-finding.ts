import type { PlanFinding, Witness } from '@portolan/plan';
import { planKinds, sourceOf } from '@portolan/plan';
import { paint, plain } from './output.ts';
import { painted } from './severity.ts';

/** A finding of the check for a person: what, where, why it matters, what to do. */
export function findingText({ kind, severity, summary, witnesses, fixes }: PlanFinding): string {
  return [
    `${painted(severity)} ${kind}: ${plain(summary)}`,
    ...witnesses.map((witness) => `  - ${witnessText(witness)}`),
    paint('dim', `  ${planKinds[kind]}`),
    ...fixes.map((fix) => `  > ${plain(fix)}`),
  ].join('\n');
}

function witnessText(witness: Witness): string {
  return `${plain(sourceOf(witness))}: ${plain(witness.says)}`;
}
