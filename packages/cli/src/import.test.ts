import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, PortolanProcess } from './portolan-process.ts';

let state: string;
let tree: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'portolan-import-'));
  tree = join(state, 'tree');
  await put('compose.yaml', 'services:\n  sync:\n    ports: ["3050:80", "9464:9464"]\n');
  await put('docs/ports.md', '| Dienst | Port |\n|---|---|\n| sync | 3051 |\n');
  await put('nginx.conf', 'server {\n  listen 8080;\n}\n');
});
afterEach(() => rm(state, { recursive: true }));

async function put(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(tree, name)), { recursive: true });
  await writeFile(join(tree, name), text);
}

const portolan = (...args: string[]): Promise<Ended> => new PortolanProcess(args, { PORTOLAN_STATE_DIR: state }).ended;
const manifest = () => readFile(join(tree, 'portolan.yaml'), 'utf8');

test('drafts the manifest, and tells services, ports, places and doubts', async () => {
  const { code, stdout, stderr } = await portolan('import', tree, '--project', 'mana');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^sync +3050 +compose\.yaml:3$/m);
  expect(stdout).toMatch(/^sync:p9464 +9464 +compose\.yaml:3$/m);
  expect(stdout).toContain('1 service, 2 ports, 0 ranges, 0 blocked, by 3 of 3 files.');
  expect(stdout).toMatch(/Not sure.*\n {2}nginx\.conf:2 {2}8080: whether this nginx runs in a container/);
  expect(stdout).toMatch(/Worth knowing:\n {2}compose\.yaml:3 {2}sync has 3050 here, but 3051 in docs\/ports\.md:3/);
  expect(await manifest()).toContain('port: 3050 # compose.yaml:3\n');
});

test('ports that one line publishes are told in one line, and how much is left open', async () => {
  await put('cloud/compose.yaml', 'services:\n  aws: { image: x, ports: ["4510-4559:4510-4559", "3050:80"] }\n');
  const { stdout } = await portolan('import', tree);
  expect(stdout).toMatch(/^aws +4510-4559 +cloud\/compose\.yaml:2$/m);
  expect(stdout).toContain('0 blocked, 1 left open, by');
  expect(await manifest()).toContain('collision:tcp:3050:aws+sync: "no file starts');
});

test('a manifest beside the tree means the same services as one in it', async () => {
  await put('package.json', '{"name":"shop"}');
  await put('compose.yaml', 'services:\n  proxy: { build: apps/proxy, ports: ["80:80"] }\n');
  await put('deployments/cli/compose.yaml', 'services:\n  proxy: { image: x, ports: ["80:80"] }\n');
  await put('apps/proxy/Dockerfile', 'FROM x\n');
  for (const output of [join(tree, 'portolan.yaml'), join(state, 'other.yaml')]) {
    const { stdout } = await portolan('import', tree, '-o', output);
    expect(stdout).toMatch(/^apps-proxy +80 /m);
    const checked = await portolan('check', tree, '-f', output);
    expect({ output, ...checked }).toMatchObject({ code: 0 });
    expect(checked.stdout).toContain('apps-proxy and cli-proxy both have tcp port 80. (');
  }
});

test('leaves a manifest that is there alone, unless told to merge or to overwrite', async () => {
  const own = 'project: mana # ours\nservices:\n  sync:\n    endpoints: { default: { port: 3049 } } # by Ada\n';
  await put('portolan.yaml', own);
  const refused = await portolan('import', tree);
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toMatch(/portolan\.yaml is there already\. --merge adds/);
  expect(await manifest()).toBe(own);

  const merged = await portolan('import', tree, '--merge');
  expect(merged.stdout).toContain('Added to');
  expect(merged.stdout).toContain('sync:default has 3049 in the manifest and 3050 in compose.yaml:3');
  const text = await manifest();
  for (const line of ['# ours', '{ port: 3049 }', '# by Ada', 'p9464']) expect(text).toContain(line);
  expect((await portolan('import', tree, '--merge')).stdout).toContain('Nothing new');
  expect(await manifest()).toBe(text);

  expect((await portolan('import', tree, '--force', '--project', 'other')).code).toBe(0);
  expect(await manifest()).toMatch(/^project: other\n/);
  expect((await readdir(tree)).sort()).toEqual(['compose.yaml', 'docs', 'nginx.conf', 'portolan.yaml']);
});

test('with --json tells each fact with its place, and writes nothing', async () => {
  const { stdout } = await portolan('import', tree, '--json');
  const { services, facts, manifest: drafted } = JSON.parse(stdout);
  expect(services).toMatchObject([{ name: 'sync', endpoints: [{ label: 'default', port: 3050 }, { label: 'p9464' }] }]);
  expect(facts).toContainEqual(
    expect.objectContaining({
      kind: 'states',
      port: 3051,
      service: 'sync',
      place: { file: 'docs/ports.md', line: 3, column: 10, offset: 37, length: 4 },
    }),
  );
  expect(drafted.services.sync.endpoints.default).toEqual({ port: 3050 });
  expect(await readdir(tree)).not.toContain('portolan.yaml');
});

test('writes to stdout, or to a file elsewhere whose paths start there', async () => {
  expect((await portolan('import', tree, '-o', '-', '--project', 'p')).stdout).toMatch(/^project: p\n/);
  await mkdir(join(tree, 'plans'));
  expect((await portolan('import', tree, '-o', join(tree, 'plans/all.yaml'))).code).toBe(0);
  expect(await readFile(join(tree, 'plans/all.yaml'), 'utf8')).toContain('# ../compose.yaml:3');
});

test.each([
  [['import'], 2, /missing required argument 'paths'/],
  [['import', '/nowhere/at/all'], 3, /\/nowhere\/at\/all cannot be read: there is no such file or folder/],
  [['import', '.', '-o', '/nowhere/x.yaml'], 2, /\/nowhere\/x\.yaml cannot be written: there is no folder \/nowhere/],
  [['import', '.', '--project', 'a b'], 2, /a name has 1 to 63 letters/],
  [['import', '.', '--merge', '--force'], 2, /'--force' cannot be used with option '--merge'/],
])('%j is told', async (args, code, message) => {
  const ended = await portolan(...args.map((arg) => (arg === '.' ? tree : arg)));
  expect(ended.code).toBe(code);
  expect(ended.stderr).toMatch(message);
});
