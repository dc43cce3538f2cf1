import { expect, test } from 'vitest';
import { convert } from 'xmlbuilder2';
import { readBaseline, writeBaseline } from '../baseline.ts';
import { type PlanFinding, planKinds } from '../finding.ts';
import { type Report, reportFormats } from './report.ts';

const place = { file: 'docs/ä b.md', line: 3, column: 5, offset: 20, length: 4 };
const finding: PlanFinding = {
  id: 'drift:cart:default:4011',
  kind: 'drift',
  severity: 'warning',
  port: 4001,
  protocol: 'tcp',
  services: ['cart'],
  summary: 'cart has port 4001, but <b> & "docs" say 100%, 4011.\u0007',
  witnesses: [
    { place, says: 'cart has 4011' },
    { place: { ...place, line: 9 }, says: 'cart has 4001' },
    { host: 'alpha', pid: 7, says: 'node listens' },
  ],
  fixes: ['write 4001 in docs/ä b.md:3'],
};
const report: Report = {
  findings: [finding, { ...finding, id: 'x', doubt: 'it is an example' }],
  known: 2,
  project: 'shop',
  services: 1,
  endpoints: 1,
  files: 2,
  notes: [],
  version: '1.0.0',
};

test('JSON has what is sure and what is not apart, and says why it matters', () => {
  const told = JSON.parse(reportFormats.json(report));
  expect(told).toMatchObject({ project: 'shop', known: 2, version: '1.0.0' });
  expect(told.findings).toEqual([{ ...finding, why: planKinds.drift }]);
  expect(told.unsure).toHaveLength(1);
});

test('SARIF 2.1.0 names its rule, the place with its characters, and a fingerprint that does not move with lines', () => {
  const { version, runs } = JSON.parse(reportFormats.sarif(report));
  expect(version).toBe('2.1.0');
  const { tool, results } = runs[0];
  expect(results).toHaveLength(2);
  const [result, unsure] = results;
  expect(tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId);
  expect(result).toMatchObject({
    ruleId: 'drift',
    level: 'warning',
    partialFingerprints: { 'portolan/v1': finding.id },
  });
  expect(result.locations).toEqual([
    {
      physicalLocation: {
        artifactLocation: { uri: 'docs/%C3%A4%20b.md', uriBaseId: '%SRCROOT%' },
        region: { startLine: 3, startColumn: 5, endLine: 3, endColumn: 9 },
      },
    },
  ]);
  expect(result.relatedLocations).toHaveLength(1);
  expect(result.message.text).toContain('alpha, pid 7: node listens');
  expect(unsure.level).toBe('note');
});

test('annotations of GitHub are one line each, and nothing in them is taken for their syntax', () => {
  const lines = reportFormats.github(report).split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(
    /^::warning file=docs\/ä b\.md,line=3,col=5,endColumn=9,title=portolan%3A drift::cart has port/,
  );
  expect(lines[0]).toContain('100%25, 4011');
  expect(lines[1]).toMatch(/^::notice /);
});

test('JUnit is XML whatever the texts hold: a failure each, what is not sure skipped, a case that passes for each other kind', () => {
  const { testsuites } = convert(reportFormats.junit(report), { format: 'object' }) as never as {
    testsuites: {
      '@tests': string;
      '@failures': string;
      testsuite: { testcase: Record<string, { '@message': string }>[] };
    };
  };
  const cases = testsuites.testsuite.testcase;
  expect(Number(testsuites['@tests'])).toBe(cases.length);
  expect(testsuites['@failures']).toBe('1');
  expect(cases).toHaveLength(Object.keys(planKinds).length + 1);
  const failed = cases.filter(({ failure }) => failure);
  // The reader leaves these as they are written.
  const message = finding.summary.replace('\u0007', '\ufffd').replace('&', '&amp;').replace('<b>', '&lt;b&gt;');
  expect(failed.map(({ failure }) => failure!['@message'])).toEqual([message.replaceAll('"', '&quot;')]);
  expect(cases.filter(({ skipped }) => skipped)).toHaveLength(1);
});

test('a baseline is what was found, without what is in doubt; what is none is told', () => {
  const text = writeBaseline(report.findings);
  expect([...readBaseline(text, 'b.json')]).toEqual([finding.id]);
  expect(() => readBaseline('{"findings": 7}', 'b.json')).toThrow(/b\.json is no baseline/);
  expect(() => readBaseline('nothing', 'b.json')).toThrow(/b\.json is no baseline/);
});
