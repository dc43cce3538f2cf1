import { type PlanFinding, planKinds, type Severity } from '../finding.ts';
import type { Report } from './report.ts';

const commands: Record<Severity, string> = { error: 'error', warning: 'warning', info: 'notice' };

/** Workflow commands, one a line, which GitHub shows beside the lines of a change. */
export function annotations({ findings }: Report): string {
  return findings.map(annotation).join('\n');
}

function annotation({ kind, severity, doubt, summary, witnesses, fixes }: PlanFinding): string {
  const place = witnesses.find((witness) => witness.place)?.place;
  const where = place
    ? { file: place.file, line: place.line, col: place.column, endColumn: place.column + place.length }
    : {};
  const properties = Object.entries({ ...where, title: `portolan: ${kind}` }).map(
    ([key, value]) => `${key}=${property(String(value))}`,
  );
  const text = [summary, doubt ? `Not sure: ${doubt}.` : planKinds[kind], ...fixes.map((fix) => `Fix: ${fix}`)];
  return `::${doubt ? 'notice' : commands[severity]} ${properties.join(',')}::${data(text.join('\n'))}`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
