import type { PlanFinding, Severity, Witness } from '../finding.ts';
import { planKinds, sourceOf } from '../finding.ts';
import type { Report } from './report.ts';

const levels: Record<Severity, string> = { error: 'error', warning: 'warning', info: 'note' };

/** Static Analysis Results Interchange Format 2.1.0, as code scanning services read it. */
export function sarif({ findings, version }: Report): string {
  const kinds = Object.keys(planKinds) as (keyof typeof planKinds)[];
  return JSON.stringify({
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'portolan',
            version,
            rules: kinds.map((kind) => ({
              id: kind,
              shortDescription: { text: kind.replaceAll('-', ' ') },
              fullDescription: { text: planKinds[kind] },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map((finding) => resultOf(finding, kinds.indexOf(finding.kind))),
      },
    ],
  });
}

function resultOf({ id, kind, severity, doubt, summary, witnesses, fixes }: PlanFinding, ruleIndex: number): object {
  const located = witnesses.filter(({ place }) => place !== undefined);
  const elsewhere = witnesses
    .filter(({ place }) => place === undefined)
    .map((each) => `${sourceOf(each)}: ${each.says}`);
  const text = [summary, ...(doubt ? [`Not sure: ${doubt}.`] : []), ...elsewhere, ...fixes.map((fix) => `Fix: ${fix}`)];
  return {
    ruleId: kind,
    ruleIndex,
    level: doubt ? 'note' : levels[severity],
    message: { text: text.join('\n') },
    locations: located.slice(0, 1).map((each) => locationOf(each)),
    relatedLocations: located
      .slice(1)
      .map((each, index) => ({ id: index + 1, ...locationOf(each), message: { text: each.says } })),
    partialFingerprints: { 'portolan/v1': id },
  };
}

function locationOf({ place }: Witness): object {
  const { file, line, column, length } = place!;
  return {
    physicalLocation: {
      artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' },
      region: { startLine: line, startColumn: column, endLine: line, endColumn: column + length },
    },
  };
}
