import { readFileSync } from 'node:fs';
import { PortolanError } from '@portolan/model';
import { describe, expect, test } from 'vitest';
import { mergeManifests, parseManifest } from './file.ts';
import { manifestJsonSchema } from './json-schema.ts';
import { flatRanges } from './range-set.ts';

const text = `# The plan of mana.
project: mana
ranges:
  core:
    ports: 3000-3099 # by the board
    purpose: Core
    reserved: [{ ports: 3090-3099 }]
blocked:
  - { ports: 3001, reason: "taken by an old thing" }
services:
  mana-sync:
    status: required
    endpoints:
      default: { port: "3050", planned: 3010 }
      stdio: { port: none, transport: MCP }
      later: {}
    dependencies: [mana-auth, other/thing]
pairings:
  - { first: 3000-3099, second: 5000-5099 }
`;

describe('a manifest', () => {
  test('is read with its defaults, and each value has its place', () => {
    const { manifest, place } = parseManifest(text.replace('"3050"', '3050'), 'portolan.yaml');
    expect(manifest).toMatchObject({
      blockSize: 100,
      ranges: {
        core: {
          ports: { from: 3000, to: 3099 },
          owner: null,
          policy: 'allocate',
          reserved: [{ reason: 'room for growth' }],
        },
      },
      blocked: [{ ports: { from: 3001, to: 3001 }, protocol: null }],
      pairings: [{ digits: 2, strict: true, pairs: [] }],
    });
    expect(manifest.services['mana-sync']).toMatchObject({
      replicas: 1,
      internalOnly: false,
      endpoints: { default: { port: 3050, protocol: 'tcp' }, stdio: { port: 'none' }, later: { port: 'auto' } },
    });
    expect(place(['services', 'mana-sync', 'endpoints', 'default', 'port'])).toMatchObject({
      line: 14,
      column: 24,
      length: 4,
    });
    expect(place(['blocked', 0, 'reason'])).toMatchObject({ line: 9, length: 21 });
    expect(place(['services', 'nobody'])).toBeUndefined();
  });

  test('that is wrong tells each thing with its line', () => {
    const wrong = text
      .replace('3000-3099 # by', '3099-3000 # by')
      .replace('status: required', 'status: needed\n    colour: red')
      .replace('planned: 3010', 'planned: 70000');
    const thrown = errorOf(() => parseManifest(wrong, 'portolan.yaml'));
    expect(thrown.code).toBe('invalid-request');
    expect(thrown.message.split('\n')).toEqual([
      'portolan.yaml is no manifest:',
      expect.stringMatching(/^ {2}portolan\.yaml:5: ranges\.core\.ports: ports run from the lower/),
      expect.stringMatching(/^ {2}portolan\.yaml:12: services\.mana-sync\.status: /),
      expect.stringMatching(/^ {2}portolan\.yaml:15: services\.mana-sync\.endpoints\.default\.port: /),
      expect.stringMatching(/^ {2}portolan\.yaml:15: services\.mana-sync\.endpoints\.default\.planned: a port is/),
      expect.stringMatching(/^ {2}portolan\.yaml:12: services\.mana-sync: .*colour/),
    ]);
  });

  test.each([
    ['project: [', /^p\.yaml:1: this is no valid YAML/],
    ['', /^p\.yaml is no manifest/],
    ['- a', /^p\.yaml is no manifest/],
    [
      `a0: &a0 [x]\n${Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join()}]`).join('\n')}`,
      /alias/i,
    ],
  ])('%j is refused', (wrong, message) => {
    expect(errorOf(() => parseManifest(wrong, 'p.yaml')).message).toMatch(message);
  });
});

describe('several manifests', () => {
  const of = (path: string, body: string) => ({ path, manifest: parseManifest(body, path).manifest });

  test('of one project are one plan, of others their own', () => {
    const merged = mergeManifests([
      of('a.yaml', 'project: mana\nservices: { a: {} }\nfiles: [x]'),
      of('b.yaml', 'project: mana\nservices: { b: {} }\nblocked: [{ ports: 22, reason: ssh }]\nfiles: [x, y]'),
      of('c.yaml', 'project: other\nservices: { a: {} }'),
    ]);
    expect(merged.map(({ project, services }) => [project, Object.keys(services)])).toEqual([
      ['mana', ['a', 'b']],
      ['other', ['a']],
    ]);
    expect(merged[0]).toMatchObject({ files: ['x', 'y'], blocked: [{ reason: 'ssh' }] });
  });

  test('that both have a service are refused', () => {
    const both = [
      of('a.yaml', 'project: mana\nservices: { a: {} }'),
      of('b.yaml', 'project: mana\nservices: { a: {} }'),
    ];
    expect(errorOf(() => mergeManifests(both)).message).toContain(
      'b.yaml and a.yaml are both of project mana and both have services.a',
    );
  });
});

describe('ranges', () => {
  const flat = (ranges: string) =>
    flatRanges(parseManifest(`project: p\nranges: {${ranges}}`, 'p').manifest).map(
      ({ name, ports }) => `${name} ${ports.from}-${ports.to}`,
    );

  test('within others take their ports', () => {
    expect(
      flat('all: {ports: 3000-3999}, core: {ports: 3002-3006}, one: {ports: 3004}, end: {ports: 3990-3999}'),
    ).toEqual([
      'all 3000-3001',
      'all-2 3007-3989',
      'core 3002-3003',
      'core-2 3005-3006',
      'one 3004-3004',
      'end 3990-3999',
    ]);
  });

  test('that cross are refused', () => {
    expect(() => flat('a: {ports: 1-10}, b: {ports: 5-15}')).toThrow(/a \(1-10\) and b \(5-15\) overlap in part/);
  });
});

test('the published JSON Schema is that of the manifest (node scripts/manifest-schema.mjs writes it)', () => {
  const published = JSON.parse(readFileSync(new URL('../../schema/portolan.schema.json', import.meta.url), 'utf8'));
  expect(published).toEqual(manifestJsonSchema());
});

function errorOf(work: () => unknown): PortolanError {
  try {
    work();
  } catch (error) {
    if (error instanceof PortolanError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
