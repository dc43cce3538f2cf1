import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fact } from '../fact.ts';
import { read } from '../import/reading.fixture.ts';
import { reconcile } from '../import/reconcile.ts';
import { draft } from './draft.ts';
import { parseManifest } from './file.ts';
import { mergeDraft } from './merge.ts';

function drafted(files: Record<string, string>, base = '') {
  const facts = Object.entries(files).flatMap(([path, text]) => read(path, text, files).facts);
  return draft({ project: 'mana', ...reconcile(facts, { project: 'mana', homes: [] }) }, base);
}

const compose = (port: number) => `services:\n  mana-sync:\n    build: services/mana-sync\n    ports: ["${port}:80"]\n`;

test('each port has the places that say it, as a comment', () => {
  const { text } = drafted({
    'compose.yaml': compose(3050),
    'docs/ports.md':
      '# Ports\n\n## 3000-3099: Core\n\n| Service | Port |\n|---|---|\n| mana-sync | 3050 |\n\n- mana-sync: 3050\n',
  });
  expect(text).toContain('port: 3050 # compose.yaml:4; docs/ports.md:7, 9\n');
  expect(text).toContain('ports: 3000-3099 # docs/ports.md:3\n');
});

test('paths start at the folder of the manifest', () => {
  const { text } = drafted({ 'compose.yaml': compose(3050) }, '../app');
  expect(text).toContain('# ../app/compose.yaml:4');
  expect(text).toContain('directory: ../app/services/mana-sync');
});

test('the health check is a path where the address is the endpoint’s own', () => {
  const table = (url: string) => `| Service | Port | Health |\n|---|---|---|\n| api-x | 3001 | ${url} |\n`;
  const health = (url: string) =>
    drafted({ 'docs/ports.md': table(url) }).manifest.services['api-x']!.endpoints.default!.health;
  expect(health('http://localhost:3001/health')).toBe('/health');
  expect(health('https://localhost:3001/up?x=1')).toBe('https://localhost:3001/up?x=1');
});

test('ranges that cross are parted, the narrower one keeps its ports', () => {
  const { manifest } = drafted({ 'docs/ports.md': '# Ports\n\n## 3000-3099: A\n\n## 3050-3119: B\n' });
  expect(manifest.ranges).toMatchObject({
    a: { ports: { from: 3000, to: 3099 } },
    b: { ports: { from: 3100, to: 3119 } },
  });
});

const written = `# Ours.
project: mana
services:
  # It syncs.
  mana-sync:
    aliases: [sync] # old name
    endpoints:
      default: { port: 3049 } # asked for by Ada
blocked: []
`;

test('merging adds what is new, and leaves what the manifest says with its comments', () => {
  const files = {
    'compose.yaml': `${compose(3050)}  mana-auth: { ports: ["3001:1"] }\n`,
    'docs/p.md': '# Ports\n\n- 22: never use\n',
  };
  const { text, added, kept } = mergeDraft(parseManifest(written, 'p.yaml'), drafted(files), 'p.yaml');
  for (const line of ['# Ours.', '# It syncs.', '# old name', '{ port: 3049 } # asked for by Ada'])
    expect(text).toContain(line);
  expect(added).toEqual(['blocked 22', 'services.mana-auth']);
  expect(kept).toEqual(['mana-sync:default has 3049 in the manifest and 3050 in compose.yaml:4']);
  const { manifest } = parseManifest(text, 'p.yaml');
  expect(manifest.services['mana-auth']!.endpoints.default!.port).toBe(3001);
  expect(text).toContain('port: 3001 # compose.yaml:5');
});

test('merging twice changes nothing more', () => {
  const files = drafted({
    'compose.yaml': compose(3050),
    'docs/ports.md': '# Ports\n\n## 3000-3099: Core\n\n- 22: never use\n',
  });
  const once = mergeDraft(parseManifest('project: mana\n', 'p.yaml'), files, 'p.yaml');
  expect(once.added).toEqual(['ranges.core', 'blocked 22', 'services.mana-sync']);
  const twice = mergeDraft(parseManifest(once.text, 'p.yaml'), files, 'p.yaml');
  expect(twice).toEqual({ text: once.text, added: [], kept: [] });
});

test('whatever facts there are, the draft is a manifest', () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  const place = { file: 'a.md', line: 1, column: 1, offset: 0, length: 0 };
  const common = { place, importer: 'markdown', sure: 'certain' as const };
  const names = fc
    .tuple(fc.string({ maxLength: 80 }), fc.constantFrom('document', 'compose', 'directory', 'container'))
    .map(([name, from]) => [{ name, from }]);
  const interval = fc.tuple(port, port).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
  const text = fc.string({ maxLength: 600 });
  const fact = fc.oneof(
    fc
      .record({ names, port, label: fc.option(text, { nil: undefined }), planned: fc.boolean() })
      .map((some) => ({ kind: 'states', protocol: 'tcp', ...common, ...some })),
    fc.record({ names, port }).map((some) => ({ kind: 'binds', by: 'compose', protocol: 'udp', ...common, ...some })),
    fc.record({ at: interval, purpose: text }).map(({ at, purpose }) => ({
      kind: 'range',
      names: [],
      planned: false,
      policy: 'allocate',
      ...common,
      ...at,
      purpose,
    })),
    fc
      .record({ at: interval, reason: text.filter((reason) => reason.trim() !== '') })
      .map(({ at, reason }) => ({ kind: 'reserved', names: [], planned: false, ...common, ...at, reason })),
    fc
      .record({ names, what: fc.constantFrom('description', 'runtime'), value: text })
      .map((some) => ({ kind: 'describes', ...common, ...some })),
    fc.record({ names, transport: text }).map((some) => ({ kind: 'portless', ...common, ...some })),
  ) as fc.Arbitrary<Fact>;
  fc.assert(
    fc.property(fc.array(fact, { maxLength: 12 }), (facts) => {
      const result = draft({ project: 'mana', ...reconcile(facts, { project: 'mana', homes: [] }) });
      expect(parseManifest(result.text, 'p.yaml').manifest).toEqual(result.manifest);
    }),
    { numRuns: 500 },
  );
});
