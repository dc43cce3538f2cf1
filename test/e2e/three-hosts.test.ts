import { connect, type PortolanClient } from '@portolan/client';
import type { Finding, Party } from '@portolan/model';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Heard, listenTo } from '../support/heard.ts';
import { createHosts, type Hosts, hostsUnavailable, type TestHost } from '../support/netns.ts';
import { Workbench } from '../support/workbench.ts';

const SCAN_INTERVAL = 1000;
/** The aim is one scan interval + 100 ms. What is asserted of most rounds leaves room for a machine that is busy with other things. */
const HEARD_WITHIN = SCAN_INTERVAL + 3000;
const ROUNDS = 5;

const patient = { timeout: 60_000, interval: 20 };

const unavailable = hostsUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let bench: Workbench;
let hosts: Hosts;
let [a, b, c] = [] as unknown as [TestHost, TestHost, TestHost];
let client: PortolanClient;
let heard: Heard;

beforeAll(async () => {
  if (unavailable !== undefined) return;
  bench = new Workbench();
  hosts = await createHosts(3);
  [a, b, c] = hosts.hosts as [TestHost, TestHost, TestHost];
  const { url } = await bench.coordinator(['--host', hosts.gateway, '--insecure-bind']);
  client = connect({ url, token: bench.token });
  heard = await listenTo(client, { topics: ['finding'] });
  const named = [
    ['host-a', a],
    ['host-b', b],
    ['host-c', c],
  ] as const;
  // They share the process ids of the machine: each would see the sockets of all.
  const alone = ['--no-all-namespaces', '--interval', String(SCAN_INTERVAL)];
  await Promise.all(named.map(([name, host]) => bench.agent(url, name, alone, { on: host })));
});

afterAll(async () => {
  await heard?.stop();
  await bench?.clear();
  await hosts?.cleanup();
});

test('two services on one port of two hosts are one latent collision, told until one of them stops', async () => {
  const sync = await bench.service('mana-sync', 3050, { on: a });
  const bot = await bench.service('mana-voice-bot', 3050, { on: b });

  const { value } = await told('collision:tcp:3050', 'open');
  expect(value).toMatchObject({ class: 'latent', maskedBy: 'host', severity: 'warning' });
  expect(value.parties.map(placeOf)).toEqual([
    { service: 'unknown/mana-sync', host: 'host-a', pid: sync.program.pid, command: 'node' },
    { service: 'unknown/mana-voice-bot', host: 'host-b', pid: bot.program.pid, command: 'node' },
  ]);
  expect(value.summary).toMatch(/mana-sync on host-a .*mana-voice-bot on host-b /);
  const { items } = await client.findings({ port: 3050, state: 'all', consistent: true });
  expect(items).toEqual([value]);

  await bot.program.end();
  expect((await told('collision:tcp:3050', 'resolved')).value.parties).toEqual(value.parties);
  expect((await client.findings({ port: 3050, consistent: true })).items).toEqual([]);
  await sync.program.end();
});

test('a subscriber hears of a collision about one scan interval after the second service listens', async () => {
  await bench.service('mana-sync', 3051, { on: a });
  await sees('host-a', 3051);
  const delays: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const opened = countOf('collision:tcp:3051', 'open');
    const bot = await bench.service('mana-voice-bot', 3051, { on: b });
    delays.push((await told('collision:tcp:3051', 'open', opened)).at - bot.since);
    const resolved = countOf('collision:tcp:3051', 'resolved');
    await bot.program.end();
    await told('collision:tcp:3051', 'resolved', resolved);
  }
  console.log(
    `collision heard after ${delays.join(', ')} ms, scanning each ${SCAN_INTERVAL} ms (aim: ${SCAN_INTERVAL + 100} ms)`,
  );
  const median = delays.toSorted((one, other) => one - other)[Math.floor(ROUNDS / 2)];
  expect(median).toBeLessThan(HEARD_WITHIN);
});

test('one service on one port of two hosts is no finding', async () => {
  const exporters = await Promise.all([a, b].map((on) => bench.service('node-exporter', 9100, { on })));
  await Promise.all([sees('host-a', 9100), sees('host-b', 9100)]);
  // Findings come in the order of what they follow from, so with this one the others would be there.
  await bench.service('mana-sync', 9101, { on: a });
  await bench.service('mana-voice-bot', 9101, { on: b });
  await told('collision:tcp:9101', 'open');

  expect((await client.findings({ port: 9100, state: 'all', consistent: true })).items).toEqual([]);
  expect((await client.listeners({ port: 9100 })).items.map(({ process }) => process?.pid).sort()).toEqual(
    exporters.map(({ program }) => program.pid).sort(),
  );
});

test('two services on two addresses of one host collide at once, and only their addresses keep them apart', async () => {
  await bench.service('image-gen', 3026, { on: c, address: '127.0.0.1' });
  await bench.service('video-gen', 3026, { on: c, address: c.address });

  const { value } = await told('collision:tcp:3026', 'open');
  expect(value).toMatchObject({ class: 'active', maskedBy: 'address', severity: 'warning' });
  expect(value.parties.map(({ service, address }) => [service, address])).toEqual([
    ['unknown/image-gen', '127.0.0.1'],
    ['unknown/video-gen', c.address],
  ]);
});

test('two services in two network namespaces of one host are a latent collision', async () => {
  // An agent that sees them all makes the hosts above one, so it has a fleet of its own.
  const { url } = await bench.coordinator([
    '--host',
    hosts.gateway,
    '--insecure-bind',
    '--data',
    `${bench.directory}/other.sqlite`,
  ]);
  const other = connect({ url, token: bench.token });
  await bench.agent(url, 'one-host', [], { on: a });
  await bench.service('image-gen', 3027, { on: a });
  await bench.service('video-gen', 3027, { on: b });

  const finding = await vi.waitFor(async () => {
    const { items } = await other.findings({ port: 3027 });
    expect(items).toHaveLength(1);
    return items[0] as Finding;
  }, patient);
  expect(finding).toMatchObject({ kind: 'collision', class: 'latent', maskedBy: 'namespace', severity: 'warning' });
  expect(finding.parties).toMatchObject([
    { service: 'unknown/image-gen', host: { id: 'one-host' }, netns: 'host' },
    { service: 'unknown/video-gen', host: { id: 'one-host' }, netns: expect.stringMatching(/^net:\[\d+\]$/) },
  ]);
});

/** What was told of a finding in this state, once it was told more than `before` times. */
async function told(id: string, state: Finding['state'], before = 0): Promise<{ value: Finding; at: number }> {
  return vi.waitFor(() => {
    const tellings = tellingsOf(id, state);
    expect(tellings.length, `tellings of ${id} ${state}`).toBeGreaterThan(before);
    return tellings.at(-1)!;
  }, patient);
}

function countOf(id: string, state: Finding['state']): number {
  return tellingsOf(id, state).length;
}

function tellingsOf(id: string, state: Finding['state']) {
  return heard
    .changes()
    .map(({ value, at }) => ({ value: value as Finding, at }))
    .filter(({ value }) => value.id === id && value.state === state);
}

async function sees(host: string, port: number): Promise<void> {
  await vi.waitFor(async () => expect((await client.listeners({ host, port })).items).toHaveLength(1), patient);
}

function placeOf({ service, host, pid, command }: Party) {
  return { service, host: host?.name, pid, command };
}
