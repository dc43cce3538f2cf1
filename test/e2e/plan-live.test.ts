import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import type { PlanFinding } from '@portolan/plan';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createHosts, type Hosts, hostsUnavailable, type TestHost } from '../support/netns.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 200 };

const unavailable = hostsUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let bench: Workbench;
let hosts: Hosts;
let [a, b, c] = [] as unknown as [TestHost, TestHost, TestHost];
let client: PortolanClient;
let url: string;
let tree: string;

const PLAN = `project: shop
ranges:
  shop: { ports: 4000-4099, owner: shop }
services:
  cart:
    status: required
    endpoints: { default: { port: 4001 } }
  pay:
    status: required
    endpoints: { default: { port: 4002 } }
  search:
    status: required
    endpoints: { default: { port: 4003 } }
`;

const TABLE = `| Service | Port |
| --- | --- |
| cart | 4001 |
| pay | 4002 |
| search | 4013 |
`;

beforeAll(async () => {
  if (unavailable !== undefined) return;
  bench = new Workbench();
  hosts = await createHosts(3);
  [a, b, c] = hosts.hosts as [TestHost, TestHost, TestHost];
  ({ url } = await bench.coordinator(['--host', hosts.gateway, '--insecure-bind']));
  client = connect({ url, token: bench.token });
  const alone = ['--no-all-namespaces', '--interval', '300'];
  await Promise.all([a, b, c].map((on, index) => bench.agent(url, `host-${'abc'[index]}`, alone, { on })));
  tree = join(bench.directory, 'shop');
  mkdirSync(join(tree, 'docs'), { recursive: true });
  writeFileSync(join(tree, 'portolan.yaml'), PLAN);
  writeFileSync(join(tree, 'docs/PORTS.md'), TABLE);
});

afterAll(async () => {
  await bench?.clear();
  await hosts?.cleanup();
});

const portolan = (...args: string[]) => bench.portolan([...args, '--url', url], { directory: tree }).ended;

async function found(): Promise<Record<string, string>> {
  const { stdout, stderr } = await portolan('check', '--live', '--json');
  expect(stderr).toBe('');
  const { findings } = JSON.parse(stdout) as { findings: PlanFinding[] };
  return Object.fromEntries(findings.map((finding) => [finding.id, evidence(finding)]));
}

/** Where a finding was seen first: a line of a file, or a process on a host. */
function evidence({ witnesses: [first] }: PlanFinding): string {
  if (first?.place) return `${first.place.file}:${first.place.line}`;
  return `${first?.host} ${first?.pid}`;
}

test('plan, fleet and documents disagree on three hosts: each matter is one finding, and gone when it is mended', async () => {
  const declared = await portolan('apply', '--yes');
  expect(declared).toMatchObject({ code: 0, stdout: expect.stringContaining('+ port shop/cart: ') });
  expect(await portolan('apply', '--yes')).toMatchObject({ code: 0, stdout: expect.stringContaining('as it is') });

  // pay is not where it was planned, cart is not there at all, somebody unknown uses a port of the project.
  const pay = await bench.service('pay', 4012, { on: b });
  const search = await bench.service('search', 4003, { on: c });
  const stray = await bench.service('stray', 4050, { on: a });
  await vi.waitFor(async () => {
    expect(await found()).toEqual({
      'not-listening:cart:default': 'portolan.yaml:6',
      'drift:pay:default:observed:4012': `host-b ${pay.program.pid}`,
      'drift:search:default:4013': 'docs/PORTS.md:5',
      'unregistered:tcp:4050': `host-a ${stray.program.pid}`,
    });
  }, patient);
  await vi.waitFor(async () => expect(await kindsInFleet()).toEqual(['drift', 'not-listening']), patient);

  await pay.program.end();
  await stray.program.end();
  await bench.service('pay', 4002, { on: b });
  await bench.service('cart', 4001, { on: a });
  expect((await portolan('plan', '--write', '--yes')).code).toBe(0);
  expect(readFileSync(join(tree, 'docs/PORTS.md'), 'utf8')).toBe(TABLE.replace('4013', '4003'));
  await vi.waitFor(async () => expect(await found()).toEqual({}), patient);
  await vi.waitFor(async () => expect(await kindsInFleet()).toEqual([]), patient);
  expect(search.program.child.exitCode).toBeNull();
});

test('a reorganisation does not move anybody to a port that somebody else is seen on', async () => {
  const plan = PLAN.replace('port: 4003', 'port: 8003');
  const other = await bench.service('other', 4000, { on: a });
  await vi.waitFor(async () => {
    const { items } = await client.listeners({ port: 4000 });
    expect(items).toHaveLength(1);
  }, patient);
  writeFileSync(join(tree, 'portolan.yaml'), plan);
  const steps = async (...args: string[]) => JSON.parse((await portolan('plan', '--json', ...args)).stdout).steps;
  expect(await steps()).toMatchObject([{ endpoint: 'search', from: 8003, to: 4000 }]);
  expect(await steps('--live')).toMatchObject([{ endpoint: 'search', from: 8003, to: 4003 }]);
  await other.program.end();
});

async function kindsInFleet(): Promise<string[]> {
  const { items } = await client.findings({ consistent: true });
  return items.map(({ kind }) => kind).sort();
}
