import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { survey } from '../import/survey.ts';
import { parseManifest } from '../manifest/file.ts';
import { mergeDraft } from '../manifest/merge.ts';
import { check } from './check.ts';
import { draftWithDoubts } from './open-question.ts';
import { subjectFrom } from './subject.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'portolan-doubts-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const drafted = () => draftWithDoubts(survey([root], { project: 'shop' }), '', 'portolan.yaml');

/** What a check with the plan is sure of, and what not. */
function checked(plan: string): { sure: string[]; unsure: string[] } {
  const written = { ...parseManifest(plan, 'portolan.yaml'), path: 'portolan.yaml' };
  const findings = check(subjectFrom(survey([root], { project: 'shop' }), [written]));
  const ids = (wanted: boolean) => findings.filter(({ doubt }) => (doubt === undefined) === wanted).map(({ id }) => id);
  return { sure: ids(true), unsure: ids(false) };
}

const compose = (name: string, more = '') => `services:\n  ${name}: { image: ${name}, ports: ["3000:80"] }\n${more}`;

test('what a draft is not sure of stays so when it is written down, until somebody decides it', () => {
  write({ 'one/compose.yaml': compose('gitea'), 'two/compose.yaml': compose('grafana') });
  const { text } = drafted();
  expect(text).toContain('  collision:tcp:3000:gitea+grafana: "no file starts or lists them together');
  expect(checked(text)).toEqual({ sure: [], unsure: ['collision:tcp:3000:gitea+grafana'] });
  const decided = text.slice(0, text.indexOf('unsure:'));
  expect(checked(decided)).toEqual({ sure: ['collision:tcp:3000:gitea+grafana'], unsure: [] });
});

test('what is surely wrong is no doubt of the draft, nor is what comes up later', () => {
  write({ 'compose.yaml': compose('gitea', '  wiki: { image: x, ports: ["3000:80"] }\n') });
  expect(drafted().input.unsure).toBeUndefined();
  const { text } = drafted();
  write({ 'two/compose.yaml': 'services:\n  grafana: { image: grafana, ports: ["3000:80"] }\n' });
  expect(checked(text)).toEqual({
    sure: ['collision:tcp:3000:gitea+grafana+wiki', 'unregistered:grafana:default'],
    unsure: [],
  });
});

test('merging adds the doubts of what is new, not those that were decided', () => {
  write({ 'one/compose.yaml': compose('gitea'), 'two/compose.yaml': compose('grafana') });
  const before = drafted().text;
  const decided = before.slice(0, before.indexOf('unsure:'));
  write({ 'three/compose.yaml': 'services:\n  loki: { image: loki, ports: ["3100:80"] }\n' });
  write({ 'four/compose.yaml': 'services:\n  mimir: { image: mimir, ports: ["3100:80"] }\n' });
  const merged = mergeDraft(parseManifest(decided, 'portolan.yaml'), drafted(), 'portolan.yaml');
  expect(Object.keys(parseManifest(merged.text, 'portolan.yaml').manifest.unsure)).toEqual([
    'collision:tcp:3100:loki+mimir',
  ]);
});
