import { z } from 'zod';
import { Finding, type Severity, severities } from './finding.ts';

/**
 * What can happen to a finding. `worsened`: it bites now, or weighs more; `eased`: the reverse; `changed`: other services
 * are in it; `reopened`: somebody took back that it was seen.
 */
export const findingChanges = [
  'opened',
  'worsened',
  'eased',
  'changed',
  'acknowledged',
  'reopened',
  'noted',
  'resolved',
] as const;
export const FindingChange = z.enum(findingChanges);
export type FindingChange = z.infer<typeof FindingChange>;

/** One step in the history of a finding. */
export const FindingEvent = z
  .object({
    /** Begins with the time, so that ids sort by it. */
    id: z.string(),
    at: z.iso.datetime(),
    change: FindingChange,
    /** Name of the token that did it; `null` when the rules saw it. */
    by: z.string().nullable(),
    /** As it was from then on. */
    finding: Finding,
    /** Its severity before, where that was another. */
    was: z.enum(severities).optional(),
  })
  .meta({ id: 'FindingEvent' });
export type FindingEvent = z.infer<typeof FindingEvent>;

/** What happened between the two, the weightiest thing if several; `null` for nothing worth telling. */
export function changeOf(before: Finding | undefined, after: Finding): FindingChange | null {
  const stood = before !== undefined && before.state !== 'resolved';
  if (after.state === 'resolved') return stood ? 'resolved' : null;
  if (!stood) return 'opened';
  const heavier = weightOf(after) - weightOf(before);
  if (heavier > 0) return 'worsened';
  if (before.state !== after.state) return after.state === 'acknowledged' ? 'acknowledged' : 'reopened';
  if (heavier < 0) return 'eased';
  if (JSON.stringify(before.note) !== JSON.stringify(after.note)) return 'noted';
  return servicesOf(before) === servicesOf(after) ? null : 'changed';
}

/** How many steps of severity lie below a finding. */
export function rankOf(severity: Severity): number {
  return severities.length - 1 - severities.indexOf(severity);
}

function weightOf({ severity, class: bite }: Finding): number {
  return 2 * rankOf(severity) + Number(bite === 'active');
}

function servicesOf({ parties }: Finding): string {
  return [...new Set(parties.map(({ service }) => service ?? ''))].sort().join();
}
