import { create } from 'xmlbuilder2';
import { type PlanFinding, type PlanKind, planKinds, sourceOf } from '../finding.ts';
import type { Report } from './report.ts';

/** A suite with a case for each finding, and one that passes for each kind without any. */
export function junit({ findings }: Report): string {
  const counted = findings.filter(({ doubt }) => doubt === undefined);
  const kinds = Object.keys(planKinds) as PlanKind[];
  const clean = kinds.filter((kind) => !counted.some((finding) => finding.kind === kind));
  const count = { tests: findings.length + clean.length, failures: counted.length, errors: 0 };
  const skipped = findings.length - counted.length;
  const suites = create({ version: '1.0', encoding: 'UTF-8' }).ele('testsuites', { name: 'portolan', ...count });
  const suite = suites.ele('testsuite', { name: 'portolan check', ...count, skipped });
  for (const kind of clean)
    suite.ele('testcase', { classname: `portolan.${kind}`, name: `no ${kind.replaceAll('-', ' ')}` });
  for (const finding of findings) {
    const { kind, severity, doubt, summary, witnesses } = finding;
    const file = witnesses.find(({ place }) => place)?.place?.file;
    const each = suite.ele('testcase', {
      classname: `portolan.${kind}`,
      name: legal(finding.id),
      ...(file && { file: legal(file) }),
    });
    if (doubt) each.ele('skipped', { message: legal(`${summary} Not sure: ${doubt}.`) });
    else each.ele('failure', { type: severity, message: legal(summary) }).txt(legal(body(finding)));
  }
  return suites.end({ prettyPrint: true });
}

function body({ kind, witnesses, fixes }: PlanFinding): string {
  return [
    planKinds[kind],
    ...witnesses.map((witness) => `${sourceOf(witness)}: ${witness.says}`),
    ...fixes.map((fix) => `Fix: ${fix}`),
  ].join('\n');
}

/** XML 1.0 has no control characters, not even escaped. */
function legal(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
}
