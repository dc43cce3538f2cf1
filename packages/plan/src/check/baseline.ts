import { PortolanError } from '@portolan/model';
import { z } from 'zod';
import type { PlanFinding } from './finding.ts';

/** Findings that are known and put up with for now, so that a check fails only for new ones. */
const Baseline = z.strictObject({
  $comment: z.string().optional(),
  findings: z.array(z.string().max(1000)).max(100_000),
});

/** @throws PortolanError `invalid-request` for what is no baseline */
export function readBaseline(text: string, path: string): ReadonlySet<string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notOne(path, error instanceof Error ? error.message : String(error));
  }
  const parsed = Baseline.safeParse(value);
  if (!parsed.success) throw notOne(path, parsed.error.issues[0]?.message ?? 'it has another form');
  return new Set(parsed.data.findings);
}

/** One finding a line, sorted, so that it can be reviewed and merged. */
export function writeBaseline(findings: readonly PlanFinding[]): string {
  const ids = findings.filter(({ doubt }) => doubt === undefined).map(({ id }) => id);
  const $comment = 'Findings of "portolan check" that are put up with for now. Take lines out as they are mended.';
  return `${JSON.stringify({ $comment, findings: ids.sort() }, null, 2)}\n`;
}

function notOne(path: string, reason: string): PortolanError {
  return new PortolanError(
    'invalid-request',
    `${path} is no baseline: ${reason}. "portolan check --write-baseline ${path}" makes one`,
    { path },
  );
}
