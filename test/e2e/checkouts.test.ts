import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createHosts, type Hosts, hostsUnavailable, type TestHost } from '../support/netns.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 100 };
const unavailable = hostsUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let bench: Workbench;
let hosts: Hosts;
let [a, b] = [] as unknown as [TestHost, TestHost];
let client: PortolanClient;
let url: string;

beforeAll(async () => {
  if (unavailable !== undefined) return;
  bench = new Workbench();
  hosts = await createHosts(2);
  [a, b] = hosts.hosts as [TestHost, TestHost];
  ({ url } = await bench.coordinator(['--host', hosts.gateway, '--insecure-bind']));
  client = connect({ url, token: bench.token });
  const alone = ['--no-all-namespaces', '--interval', '300'];
  await Promise.all([bench.agent(url, 'host-a', alone, { on: a }), bench.agent(url, 'host-b', alone, { on: b })]);
});
afterAll(async () => {
  client?.close();
  await bench?.clear();
  await hosts?.cleanup();
});

const portolan = async (...args: string[]) => (await bench.portolan([...args, '--url', url]).ended).stdout;

function directory(...path: string[]): string {
  const made = join(realpathSync(bench.directory), ...path);
  mkdirSync(made, { recursive: true });
  return made;
}

function repository(name: string): string {
  const root = directory(name);
  execFileSync('git', ['init', '--quiet'], { cwd: root });
  return root;
}

/** Started as anybody starts it: nothing tells of Portolan. */
async function plain(where: string, port: number, on: TestHost): Promise<number> {
  writeFileSync(
    join(where, 'server.js'),
    `require('node:net').createServer().listen(${port}, '0.0.0.0', () => console.log('up'));`,
  );
  const program = bench.run(process.execPath, ['server.js'], { directory: where, on });
  await program.says(/up/);
  return program.pid;
}

const seen = (port: number) =>
  vi.waitFor(async () => {
    const { items } = await client.listeners({ port });
    expect(items).not.toEqual([]);
    return items;
  }, patient);

test('two services of a repository that share a number are told by their names, and how to part them', async () => {
  const mana = repository('mana');
  const [sync, bot] = [directory('mana', 'mana-sync'), directory('mana', 'mana-voice-bot')];
  const pids = [await plain(sync, 3050, a)];
  await seen(3050);
  pids.push(await plain(bot, 3050, b));
  const finding = await vi.waitFor(async () => {
    const stdout = await portolan('findings', '--port', '3050');
    expect(stdout).toContain('latent collision');
    return stdout;
  }, patient);
  expect(finding).toContain(
    `mana/mana-sync on host-a (pid ${pids[0]}) and mana/mana-voice-bot on host-b (pid ${pids[1]}) both use tcp port 3050`,
  );
  expect(finding).toContain('  > portolan reserve mana/mana-voice-bot --preferred 3051\n');
  expect(finding).toContain('  > portolan reserve mana/mana-sync --port 3050\n');
  expect(await portolan('who', '3050')).toContain(`git repository ${mana}`);
});

test('a service that is started without Portolan has the name that "portolan run" gives it there', async () => {
  const root = repository('store');
  const web = directory('store', 'apps', 'web');
  writeFileSync(join(web, 'package.json'), JSON.stringify({ name: '@store/front' }));
  await plain(web, 3055, a);
  expect((await seen(3055))[0]?.identity?.service).toBe('store/front');
  const run = bench.portolan(['run', '--', process.execPath, '-p', 'process.env.PORTOLAN_ENDPOINTS'], {
    directory: web,
    environment: { PORTOLAN_URL: url },
  });
  expect((await run.ended).stdout).toMatch(/^store\/front:default=/);

  writeFileSync(join(root, 'portolan.yaml'), 'project: shop # by the plan\nservices: {}\n');
  const api = directory('store', 'apps', 'api');
  await plain(api, 3056, b);
  // What was found out of a directory is kept for a moment.
  await vi.waitFor(async () => expect((await seen(3056))[0]?.identity?.service).toBe('shop/api'), patient);
});

test('a namesake in another repository is not taken for the service of a plan, nor accused for sure', async () => {
  await client.reserve({ project: 'shop', service: 'worker', port: 3060 });
  repository('elsewhere');
  await plain(directory('elsewhere', 'worker'), 3060, a);
  expect((await seen(3060))[0]?.identity).toMatchObject({ service: 'elsewhere/worker', evidence: { guess: true } });
  const who = await portolan('who', '3060');
  expect(who).toMatch(/belongs to shop\/worker:default.*perhaps it listens/);
  expect((await client.findings({ port: 3060, consistent: true })).items).toEqual([]);
});

test("Portolan's own sockets are named as what they are, and left out of a list unless that is asked for", async () => {
  const { items } = await client.listeners({});
  const own = items.filter(({ identity }) => identity?.evidence.own);
  expect(new Set(own.map(({ identity }) => identity?.service))).toEqual(new Set(['portolan/agent']));
  const list = await portolan('ls', '--listeners');
  expect(list).not.toContain('portolan/agent');
  expect(list).toContain(`${own.length} of Portolan's own`);
  expect(await portolan('ls', '--listeners', '--all')).toContain('portolan/agent');
  const [{ port } = { port: 0 }] = own;
  expect(await portolan('who', String(port))).toMatch(/is Portolan's agent\./);
});
