import { planKinds } from '../finding.ts';
import type { Report } from './report.ts';

/** One document: `findings` (with `why` they matter) and `unsure`, those that may be none. */
export function jsonReport({ findings, ...about }: Report): string {
  const told = findings.map((finding) => ({ ...finding, why: planKinds[finding.kind] }));
  return JSON.stringify({
    ...about,
    findings: told.filter(({ doubt }) => doubt === undefined),
    unsure: told.filter(({ doubt }) => doubt !== undefined),
  });
}
