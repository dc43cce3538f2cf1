import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlanFinding } from '@portolan/plan';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { flawedMonorepo, monorepo, readTree, replaceIn, writeTree } from '../support/monorepo.ts';
import { Workbench } from '../support/workbench.ts';

let bench: Workbench;
let tree: string;

beforeEach(() => {
  bench = new Workbench();
  tree = join(bench.directory, 'lagoon');
  mkdirSync(tree);
});
afterEach(() => bench.clear());

const portolan = (...args: string[]) => bench.portolan(args, { directory: tree }).ended;
const read = () => readTree(tree);

async function findings(...args: string[]): Promise<PlanFinding[]> {
  return (JSON.parse((await portolan('check', '--json', ...args)).stdout) as { findings: PlanFinding[] }).findings;
}

describe('a new service', () => {
  test.each([
    ['games-server', ['--description', 'Small games', '--needs', 'sync'], 3041, 'ecosystem.config.cjs'],
    ['mysql-exporter', ['--like', 'redis-exporter'], 9080, 'deploy/prometheus/prometheus.yml'],
    ['games-web', ['--like', 'chat-web'], 5038, 'docs/PORTS.md'],
  ])('%s gets the port that the rules give it, in all files and in their manner', async (name, args, port, file) => {
    writeTree(tree, monorepo());
    const { stdout, code } = await portolan('add', name, ...args, '--yes');
    expect(code).toBe(0);
    expect(stdout).toContain(`${name} gets ${port}`);
    const after = read();
    expect(after.get(file)).toContain(String(port));
    expect(after.get('docs/PORTS.md')).toMatch(new RegExp(`^\\| ${port} \\| ${name} \\|`, 'm'));
    // What was there before is there as it was.
    for (const [path, text] of monorepo()) {
      const lines = new Set(after.get(path)!.split('\n'));
      expect(
        text.split('\n').filter((line) => !lines.has(line)),
        path,
      ).toEqual([]);
    }
    expect(await findings()).toEqual([]);
    expect((await portolan('undo', '--yes')).code).toBe(0);
    expect(read()).toEqual(monorepo());
  });

  test('is refused where the rules leave it no place, and nothing is written', async () => {
    writeTree(tree, monorepo());
    const full = await portolan('add', 'ledger', '--like', 'credits', '--yes');
    expect(full).toMatchObject({ code: 4, stderr: expect.stringContaining('3006-3009 reserved') });
    const taken = await portolan('add', 'ledger', '--port', '3001', '--yes');
    expect(taken).toMatchObject({ code: 4, stderr: expect.stringContaining('Port 3001 belongs to accounts') });
    const unplaced = await portolan('add', 'ledger', '--yes');
    expect(unplaced).toMatchObject({ code: 2, stderr: expect.stringContaining('name a range with --range') });
    const unasked = await portolan('add', 'games-server');
    expect(unasked).toMatchObject({ code: 4, stderr: expect.stringContaining('Add --yes') });
    expect(read()).toEqual(monorepo());
  });
});

test('a baseline lets the check fail for what is new alone', async () => {
  const { files, planted } = flawedMonorepo();
  writeTree(tree, files);
  const baseline = join(bench.directory, 'baseline.json');
  expect((await portolan('check', '--write-baseline', baseline)).code).toBe(0);
  const { stdout, code } = await portolan('check', '--baseline', baseline);
  expect({ stdout, code }).toEqual({
    code: 0,
    stdout: expect.stringContaining(`${planted.length} more in the baseline`),
  });
  replaceIn(files, 'services/tts/.env.example', 'PORT=3022', 'PORT=3222');
  writeTree(tree, files);
  expect((await findings('--baseline', baseline)).map(({ id }) => id)).toEqual(['drift:tts:default:3222']);
  expect((await portolan('check', '--baseline', baseline, '--fail-on', 'error')).code).toBe(0);
});

test('a report goes to a file, and its summary to the terminal', async () => {
  const { files, planted } = flawedMonorepo();
  writeTree(tree, files);
  const { stdout } = await portolan('check', '--format', 'sarif', '-o', 'report.sarif');
  expect(stdout).toMatch(new RegExp(`^${planted.length} findings \\(\\d+ errors, \\d+ warnings\\)`));
  expect(JSON.parse(readFileSync(join(tree, 'report.sarif'), 'utf8')).runs[0].results).toHaveLength(planted.length);
});
