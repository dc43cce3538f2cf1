import type { PlanFinding } from '../finding.ts';
import { annotations } from './annotations.ts';
import { jsonReport } from './json.ts';
import { junit } from './junit.ts';
import { sarif } from './sarif.ts';

/** What a check found, and what it looked at. */
export interface Report {
  readonly findings: readonly PlanFinding[];
  /** How many more the baseline puts up with. */
  readonly known: number;
  readonly project: string;
  readonly services: number;
  readonly endpoints: number;
  readonly files: number;
  /** What could not be looked into, with the reason. */
  readonly notes: readonly string[];
  /** Of portolan. */
  readonly version: string;
}

/** For programs. A person reads the text of the command. */
export const reportFormats = { json: jsonReport, sarif, github: annotations, junit } as const satisfies Record<
  string,
  (report: Report) => string
>;

export type ReportFormat = keyof typeof reportFormats;
