import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { Fact } from '../fact.ts';
import { draft } from '../manifest/draft.ts';
import { parseManifest } from '../manifest/file.ts';
import { type Survey, survey } from './survey.ts';

/**
 * Documents of five teams about their ports. Those here have the tables and the quirks of the originals; PORTOLAN_SEEDS
 * may name a folder with the originals themselves, which are told apart by what stands in them.
 */
const own = fileURLToPath(new URL('fixtures', import.meta.url));
const folders = process.env.PORTOLAN_SEEDS ? [own, process.env.PORTOLAN_SEEDS] : [own];
const documents = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));

const told: string[] = [];
afterAll(() => console.log(told.join('\n')));

function documentsWith(mark: string): { path: string; name: string; text: string }[] {
  return documents
    .map((path) => ({ path, name: basename(path), text: readFileSync(path, 'utf8') }))
    .filter(({ text }) => text.includes(mark));
}

/** Imports one document, and proves that its draft is a manifest. */
function imported(path: string): Survey {
  const found = survey([path], { project: 'team' });
  parseManifest(draft(found).text, 'portolan.yaml');
  return found;
}

function portsOf(found: Survey): Record<string, number | string> {
  return Object.fromEntries(
    found.services.flatMap(({ name, endpoints }) =>
      endpoints.map(({ label, port }) => [label === 'default' ? name : `${name}:${label}`, port]),
    ),
  );
}

function intervals(found: Survey, kind: 'range' | 'reserved' | 'blocked'): string[] {
  const facts = found.facts.filter((fact): fact is Extract<Fact, { kind: typeof kind }> => fact.kind === kind);
  return facts.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).sort();
}

function count(what: string, text: string, wanted: number, found: number): void {
  told.push(`${what}: ${found}/${wanted} ${text}`);
  expect(found).toBe(wanted);
}

describe('a mapping with tables, a diagram, bullets and health addresses', () => {
  test.each(documentsWith('DevFlow Orchestrator'))('$name', ({ path, name, text }) => {
    const found = imported(path);
    const rows = text.match(/^\| \*\*/gm)!.length;
    count(name, 'services', rows, found.services.length);
    expect(portsOf(found)).toEqual({
      'devflow-orchestrator': 3007,
      'database-manager': 3002,
      'vector-memory-service': 3003,
      'model-registry': 3004,
      'token-optimizer': 3006,
      'claude-code-enforcement': 8787,
      'synthetic-mcp': 'none',
      'codex-mcp': 'none',
      'gemini-mcp': 'none',
      'auto-ccr-runner': 'none',
    });
    const written = [...text.matchAll(/\| `(\d+)` \||:(\d{4})[\]/]|^- \*\*(\d{4})\*\*/gm)];
    const ports = found.facts.filter(({ kind }) => kind === 'states' || kind === 'blocked');
    count(name, 'ports in tables, diagram, bullets and addresses', written.length, ports.length);
    expect(intervals(found, 'blocked')).toEqual(['3001', '3005', '5000', '8000', '8080']);
    expect(intervals(found, 'range')).toEqual(['3000-3999', '3002-3006', '4000-4999', '8000-8999']);
    expect(intervals(found, 'reserved')).toEqual(['3008-3010', '4000-4010', '4100-4110', '8788-8790']);
    // What the document says against itself stays as facts.
    const orchestrator = found.facts.filter(
      (fact) => fact.kind === 'states' && fact.service === 'devflow-orchestrator',
    );
    expect(orchestrator.map((fact) => 'port' in fact && fact.port).sort()).toEqual([3005, 3005, 3007, 3007]);
    expect(found.facts.filter(({ kind }) => kind === 'mentions')).toHaveLength(4);
    const needs = found.facts.filter((fact) => fact.kind === 'depends' && fact.service && fact.onService);
    count(name, 'arrows between services', 6, needs.length);
  });
});

describe('rules for many projects', () => {
  test.each(documentsWith('Old Archon'))('$name', ({ path, name, text }) => {
    const found = imported(path);
    const rows = text.match(/^\| \d+ \|/gm)!.length;
    const bullets = text.match(/^- \*\*\d+-\d+\*\*/gm)!.length;
    const blocked = intervals(found, 'blocked');
    count(name, 'blocked ports and ranges', rows + bullets, blocked.length + intervals(found, 'range').length);
    expect(blocked).toEqual(['22', '3000-3099', '3737', '443', '80', '8051']);
    // Examples of compose files, of .env, of names are nobody's ports.
    expect(found.services).toEqual([]);
    expect(draft(found).manifest.blockSize).toBe(100);
    expect(draft(found).manifest.files).toEqual(['docker-compose.yml', '.env.example', 'README.md']);
  });
});

describe('a table with labels', () => {
  test.each(documentsWith('portos-autofixer'))('$name', ({ path, name, text }) => {
    const found = imported(path);
    const rows = text.match(/^\| 5\d{3} \|/gm)!.length;
    count(name, 'labelled ports', rows, Object.keys(portsOf(found)).length);
    expect(portsOf(found)).toEqual({
      'portos-server:api': 5554,
      'portos-client:ui': 5555,
      'portos-browser:cdp': 5556,
      'portos-browser:health': 5557,
      'portos-cos:api': 5558,
      'portos-autofixer:api': 5559,
      'portos-autofixer-ui:ui': 5560,
    });
    expect(intervals(found, 'range')).toEqual(['5554-5560', '5570-5599']);
    expect(intervals(found, 'reserved')).toEqual(['5561-5569']);
    expect(intervals(found, 'blocked')).toEqual(['3000', '443', '80', '8080']);
  });
});

describe('open ranges, and text that lost its encoding', () => {
  test.each(documentsWith('Playwright'))('$name', ({ path, name, text }) => {
    const found = imported(path);
    const rows = text.match(/^\| \*\*\w+\*\* \| \d+ \|/gm)!.length;
    count(name, 'services with ports', rows, found.services.length);
    const { services } = draft(found).manifest;
    expect(services.figma!.endpoints.default).toMatchObject({ port: 65001, range: { from: 65001, to: 65100 } });
    expect(services.playwright!.endpoints.default).toMatchObject({ port: 65002, range: { from: 65002, to: 65100 } });
    expect(intervals(found, 'range')).toEqual(['65001-65535', '65003-65535']);
    expect(intervals(found, 'blocked')).toEqual(['1-1023', '3000-3010']);
  });
});

describe('a plan whose tables were pasted a cell a line, beside the real ports in prose', () => {
  test.each(documentsWith('mana-voice-bot 3050'))('$name', ({ path, name, text }) => {
    const found = imported(path);
    const states = found.facts.filter((fact) => fact.kind === 'states');
    const rows = [...text.matchAll(/^\| (\d+) \|\n(?!\(reserved)/gm)];
    const references = text.match(/^\d{4} [\w-]+ \|$/gm)!;
    const planned = states.filter((fact) => fact.planned);
    count(name, 'planned ports', rows.length + references.length, planned.length);
    expect(planned.slice(0, 3).map(({ port, service }) => `${port} ${service}`)).toEqual([
      '3001 mana-auth',
      '3002 mana-credits',
      '3003 mana-subscriptions',
    ]);
    const prose = text.slice(0, text.indexOf('3000-3009:'));
    const pairs = [...prose.matchAll(/(mana-[\w-]+)\s+(\d{4})\b/g)];
    const real = states.filter((fact) => !fact.planned);
    count(name, 'real ports', pairs.length, real.length);
    expect(real.map(({ port, service }) => `${service} ${port}`).sort()).toEqual(
      pairs.map(([, service, port]) => `${service} ${port}`).sort(),
    );
    const names = new Set([
      ...rows.map(({ index }) => nameBelow(text, index)),
      ...pairs.map(([, service]) => service!),
    ]);
    count(name, 'services', names.size, found.services.length);
    count(name, 'ranges', text.match(/^\d{4}-\d{4}: /gm)!.length, intervals(found, 'range').length);
    count(name, 'reserved parts', text.match(/\(reserved\) \|/g)!.length, intervals(found, 'reserved').length);

    const { services, pairings } = draft(found).manifest;
    expect(services['mana-sync']!.endpoints.default).toMatchObject({ port: 3050, planned: 3010 });
    expect(services['mana-landing-builder']!.endpoints.default).toMatchObject({ port: 'unknown', planned: 3015 });
    expect(Object.keys(services.minio!.endpoints).sort()).toEqual(['console', 's3-api']);
    expect(services.searxng!.internalOnly).toBe(true);
    expect(services['mana-auth']).toMatchObject({ runtime: 'Hono/Bun' });
    const [pairing] = pairings;
    expect(pairing).toMatchObject({
      first: { from: 3000, to: 3099 },
      second: { from: 5000, to: 5099 },
      digits: 2,
      strict: false,
    });
    count(name, 'pairs of backend and frontend', references.length, pairing!.pairs.length);
    expect(draft(found).manifest.files).toHaveLength(3);
  });
});

/** The base of the name in the line below a port: `minio (Console)` is minio. */
function nameBelow(text: string, index: number): string {
  return text.slice(text.indexOf('\n', index) + 1).split(/ \||\s\(/, 1)[0]!;
}
