import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { survey } from '../import/survey.ts';
import { draft } from '../manifest/draft.ts';
import { parseManifest } from '../manifest/file.ts';
import { reorganise } from '../reorganise/reorganisation.ts';
import type { Subject } from './chart.ts';
import { check } from './check.ts';
import { subjectFrom } from './subject.ts';

/** As in the test of the import: our own copies, and the originals where PORTOLAN_SEEDS names their folder. */
const own = fileURLToPath(new URL('../import/fixtures', import.meta.url));
const folders = process.env.PORTOLAN_SEEDS ? [own, process.env.PORTOLAN_SEEDS] : [own];
const paths = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));

function documentsWith(mark: string): string[] {
  return paths.filter((path) => readFileSync(path, 'utf8').includes(mark));
}

/** With the plan that is drafted at once, and with the one that the import wrote into a file. */
function subjectsOf(path: string): [string, Subject][] {
  const found = survey([path], { project: 'team' });
  const written = { ...parseManifest(draft(found).text, 'portolan.yaml'), path: 'portolan.yaml' };
  return [
    ['drafted', subjectFrom(found, [])],
    ['written', subjectFrom(found, [written])],
  ];
}

const idsOf = (subject: Subject) =>
  check(subject)
    .filter(({ doubt }) => doubt === undefined)
    .map(({ id }) => id);

describe('a plan that was never carried out', () => {
  for (const path of documentsWith('mana-voice-bot')) {
    for (const [how, subject] of subjectsOf(path)) {
      test(`has exactly two collisions among the real ports, and the drift to its tables (${how}, ${path})`, () => {
        const ids = idsOf(subject);
        expect(ids.filter((id) => id.startsWith('collision'))).toEqual([
          'collision:tcp:3026:mana-image-gen+mana-video-gen',
          'collision:tcp:3050:mana-sync+mana-voice-bot',
        ]);
        const drifts = [
          ['mana-credits', 3002],
          ['mana-subscriptions', 3003],
          ['mana-user', 3004],
          ['mana-analytics', 3005],
          ['mana-sync', 3010],
          ['mana-media', 3011],
          ['mana-search', 3012],
          ['mana-notify', 3013],
          ['mana-crawler', 3014],
          ['mana-llm', 3020],
          ['mana-stt', 3021],
          ['mana-image-gen', 3023],
          ['mana-voice-bot', 3024],
        ].map(([service, port]) => `drift:${service}:default:planned:${port}`);
        expect(ids.filter((id) => !id.startsWith('collision')).sort()).toEqual(drifts.sort());
      });
    }

    test(`can be carried out without a collision on the way, but has forgotten a service (${path})`, () => {
      const [[, subject]] = subjectsOf(path) as [[string, Subject]];
      const { steps, moves, bound, dropped } = reorganise(subject, {
        targets: new Map(),
        planned: true,
        avoid: new Set(),
      });
      const targets = new Map(steps.map(({ endpoint, to }) => [endpoint, to]));
      expect(Object.fromEntries(targets)).toMatchObject({
        'mana-sync': 3010,
        'mana-voice-bot': 3024,
        'mana-image-gen': 3023,
        'mana-llm': 3020,
      });
      // The tables leave no place for a service that runs today: it keeps its port, which lies in the reserve.
      expect(targets.has('mana-video-gen')).toBe(false);
      expect(dropped).toEqual([expect.stringMatching(/^range ai.* is full without what is reserved/)]);
      expect({ moves, bound }).toEqual({ moves: 13, bound: 13 });
    });
  }
});

describe('a document that gives its orchestrator two ports', () => {
  for (const path of documentsWith('Orchestrator')) {
    for (const [how, subject] of subjectsOf(path)) {
      test(`shows 3005 against 3007, and the conflicts of 3001 and 3005 (${how}, ${path})`, () => {
        expect(idsOf(subject)).toEqual([
          'blocked-port:devflow-orchestrator:default:3005',
          'blocked-port::3001',
          'drift:devflow-orchestrator:default:3005',
        ]);
      });
    }
  }
});

const flawed = [...documentsWith('mana-voice-bot'), ...documentsWith('Orchestrator')];
test.each(paths.filter((path) => !flawed.includes(path)))('a document without a defect has no finding: %s', (path) => {
  for (const [, subject] of subjectsOf(path)) expect(idsOf(subject)).toEqual([]);
});
