import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PlanFinding } from '@portolan/plan';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  flawedMonorepo,
  monorepo,
  type Planted,
  readTree,
  replaceIn,
  type Tree,
  writeTree,
} from '../support/monorepo.ts';
import { Workbench } from '../support/workbench.ts';

const PORTOLAN = fileURLToPath(new URL('../../packages/cli/bin/portolan.js', import.meta.url));

let bench: Workbench;
let tree: string;

beforeEach(() => {
  bench = new Workbench();
  tree = join(bench.directory, 'lagoon');
  mkdirSync(tree);
});
afterEach(() => bench.clear());

const read = () => readTree(tree);
const portolan = (...args: string[]) => bench.portolan(args, { directory: tree }).ended;

async function findings(...args: string[]): Promise<PlanFinding[]> {
  const { stdout, stderr, code } = await portolan('check', '--json', ...args);
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as { findings: PlanFinding[] };
  expect(code).toBe(report.findings.length > 0 ? 6 : 0);
  return report.findings;
}

/** Whether a finding is the one that was planted: of its kind, about its services, with the planted places as evidence. */
function matches({ kind, services, where }: Planted, finding: PlanFinding, files: Tree): boolean {
  if (finding.kind !== kind || !services.every((service) => finding.services.includes(service))) return false;
  return where.every(({ file, line }) =>
    finding.witnesses.some(
      ({ place }) => place?.file === file && line.test(files.get(file)!.split('\n')[place.line - 1] ?? ''),
    ),
  );
}

describe('a monorepo of 46 services', () => {
  test('has no findings while it is sound', async () => {
    writeTree(tree, monorepo());
    expect(await findings()).toEqual([]);
  });

  test('shows every defect that is planted, and nothing else', async () => {
    const { files, planted } = flawedMonorepo();
    writeTree(tree, files);
    const found = await findings();
    const hit = planted.filter((defect) => found.some((finding) => matches(defect, finding, files)));
    const right = found.filter((finding) => planted.some((defect) => matches(defect, finding, files)));
    process.stdout.write(
      `monorepo: ${planted.length} planted, ${found.length} found; precision ${right.length}/${found.length}, recall ${hit.length}/${planted.length}\n`,
    );
    expect(planted.filter((defect) => !hit.includes(defect))).toEqual([]);
    expect(found.filter((finding) => !right.includes(finding))).toEqual([]);
    for (const { fixes, summary } of found) expect(fixes.length, summary).toBeGreaterThan(0);
  });

  test('is put right by plan --write: only ports change, and the address of one, a second run changes nothing, undo gives back what was', async () => {
    const { files, planted } = flawedMonorepo();
    writeTree(tree, files);
    const { stdout, code } = await portolan('apply', '--write', '--yes');
    expect(code).toBe(0);
    expect(stdout).toMatch(/7 services move \(no way has fewer\), 40 keep their port/);

    const written = read();
    expect([...written.keys()].sort()).toEqual([...files.keys()].sort());
    for (const [file, text] of written) expect(withoutPorts(text), file).toBe(withoutPorts(files.get(file)!));
    const left = planted.filter(({ byPorts }) => !byPorts);
    expect((await findings()).map(({ kind }) => kind).sort()).toEqual(left.map(({ kind }) => kind).sort());

    for (const { byHand = [] } of left) for (const [file, from, to] of byHand) replaceIn(written, file, from, to);
    writeTree(tree, written);
    expect(await findings()).toEqual([]);

    const again = await portolan('plan', '--write', '--yes');
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing to write') });
    expect(read()).toEqual(written);

    // What was mended by hand since stands in the way of taking back the rest.
    expect((await portolan('undo', '--yes')).stderr).toContain('there were changes since');
    for (const { byHand = [] } of left) for (const [file, to, from] of byHand) replaceIn(written, file, from, to);
    writeTree(tree, written);
    expect((await portolan('undo', '--yes')).code).toBe(0);
    expect(read()).toEqual(files);
  });

  test('without a plan, the drafted one has the same collisions, and no finding where there is no defect', async () => {
    const sound = monorepo();
    sound.delete('portolan.yaml');
    writeTree(tree, sound);
    expect(await findings()).toEqual([]);

    const { files, planted } = flawedMonorepo();
    writeTree(tree, files);
    const found = await findings('-f', await drafted());
    const planned = planted.filter(({ kind }) => kind === 'collision' || kind === 'drift');
    expect(planned.filter((defect) => !found.some((finding) => matches(defect, finding, files)))).toEqual([]);
  });

  test('plan --write that is killed at any point leaves all or none after the next run', async () => {
    const { files } = flawedMonorepo();
    let mixed = 0;
    const marks = [
      'compose.infra.yaml',
      'apps/music-web/package.json',
      'portolan.yaml',
      'services/voice-bot/.env.example',
    ];
    // More rounds where this process is too slow to kill the other on the way.
    for (let round = 0; round < 3 || (round < 20 && mixed === 0); round++) {
      writeTree(tree, files);
      const mark = marks[round % marks.length]!;
      const child = spawn(process.execPath, [PORTOLAN, 'plan', '--write', '--yes'], {
        cwd: tree,
        env: {
          PATH: process.env.PATH ?? '',
          HOME: bench.directory,
          PORTOLAN_STATE_DIR: join(bench.directory, 'state'),
        },
        stdio: 'ignore',
      });
      const running = () => child.exitCode === null && child.signalCode === null;
      while (running() && readFileSync(join(tree, mark), 'utf8') === files.get(mark)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      child.kill('SIGKILL');
      if (running()) await once(child, 'exit');
      const changed = [...read()].filter(([file, text]) => files.get(file) !== text).length;
      if (changed > 0 && changed < 19) mixed++;

      const { stdout } = await portolan('check', '--json');
      const kinds = new Set((JSON.parse(stdout) as { findings: PlanFinding[] }).findings.map(({ kind }) => kind));
      const after = [...read()].filter(([file, text]) => files.get(file) !== text).length;
      expect([0, 19]).toContain(after);
      expect(kinds.has('collision')).toBe(after === 0);
      expect(
        readdirSync(tree, { recursive: true, encoding: 'utf8' }).filter((name) => /portolan-\d/.test(name)),
      ).toEqual([]);
      if (after > 0) expect((await portolan('undo', '--yes')).code).toBe(0);
      expect(read()).toEqual(files);
    }
    expect(mixed).toBeGreaterThan(0);
  });
});

function withoutPorts(text: string): string {
  return text.replace(/\b127\.0\.0\.1:(?=\d+:)/g, '').replace(/\b[1-9]\d{3,4}\b/g, 'PORT');
}

/** A plan that is drafted from the sound tree, as a team would keep it. */
async function drafted(): Promise<string> {
  const path = join(bench.directory, 'portolan.yaml');
  const sound = join(bench.directory, 'sound');
  const files = monorepo();
  files.delete('portolan.yaml');
  writeTree(sound, files);
  const { code, stderr } = await bench.portolan(['import', sound, '-o', path]).ended;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  cpSync(path, join(tree, 'portolan.yaml'));
  return join(tree, 'portolan.yaml');
}
