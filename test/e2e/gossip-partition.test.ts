import type { Assignment, Finding } from '@portolan/model';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { alive, type GossipFleet, hostNames, startGossipFleet } from '../support/gossip-fleet.ts';
import { hostsUnavailable } from '../support/netns.ts';
import { redisUnavailable } from '../support/redis.ts';

const patient = { timeout: 90_000, interval: 250 };
/** How long the network is in two parts, ms. */
const PARTED = 30_000;

const unavailable = hostsUnavailable() ?? redisUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let fleet: GossipFleet;
beforeAll(async () => {
  if (unavailable === undefined) fleet = await startGossipFleet();
});
afterAll(async () => {
  await fleet?.stop();
});

const everybody = ['coordinator', 'coordinator', ...hostNames].sort();
const hostStates = async () => {
  const { items } = await fleet.client().hosts({ consistent: true });
  return Object.fromEntries(items.map(({ name, state }) => [name, state]));
};
const findings = async () => {
  const { items } = await fleet.client().findings({ state: 'all', consistent: true });
  // Of ports: who was away for a while is a finding of its own.
  const ofPorts = items.filter(({ kind }) => kind !== 'host-unreachable' && kind !== 'coordinator-missing');
  return ofPorts.map(({ id, state, firstSeen, lastChanged }: Finding) => ({ id, state, firstSeen, lastChanged }));
};
const promises = async () => {
  const { items } = await fleet.client().assignments({ consistent: true });
  return items.map(({ protocol, port, endpoint, token }: Assignment & { token: string }) => ({
    port: `${protocol}/${port}`,
    service: endpoint.service,
    token,
  }));
};

test('agents and coordinators find each other, by what a coordinator told them', async () => {
  for (const on of ['host-a', 'host-e']) {
    await vi.waitFor(async () => {
      const { stdout } = await fleet.portolan(on, ['members', '--json']);
      expect(alive(JSON.parse(stdout).items)).toEqual(everybody);
    }, patient);
  }
});

test('an agent whose coordinator is killed reports through another one that gossip told it of', async () => {
  const [first, second] = fleet.coordinators;
  const { bench } = fleet;
  await first!.program.end('SIGKILL');
  await bench.service('after-the-kill', 3070, { on: fleet.host('host-c') });
  const { client } = fleet;
  await vi.waitFor(async () => {
    const { items } = await client().listeners({ port: 3070 });
    expect(items.map(({ host }) => host)).toEqual(['host-c']);
  }, patient);
  expect(client().url).toBe(second!.url);
  // Where it was, so that the agents know it again.
  const { port } = new URL(first!.url);
  fleet.coordinators.shift();
  const again = await fleet.startCoordinator('host-a', ['--port', port]);
  fleet.coordinators.reverse();
  expect(again.url).toBe(first!.url);
});

test('a network in two parts for 30 s: all are alive again, findings as before, no port given twice, nothing lost', async () => {
  const { bench, client } = fleet;
  const [c, d, e] = ['host-c', 'host-d', 'host-e'].map((name) => fleet.host(name));
  await bench.service('image-gen', 3026, { on: c });
  await bench.service('video-gen', 3026, { on: d });
  await bench.service('mana-sync', 3050, { on: e });
  await vi.waitFor(async () => {
    expect((await findings()).map(({ id }) => id)).toContain('collision:tcp:3026');
    expect(await hostStates()).toEqual(Object.fromEntries(hostNames.map((name) => [name, 'alive'])));
  }, patient);
  for (let i = 0; i < 20; i++) {
    const lease = i % 2 === 0 ? {} : { ttl: 120 };
    await client().reserve({ project: 'shop', service: `s${i}`, ...lease }, { renewing: false });
  }
  const before = { findings: await findings(), promises: await promises() };

  await fleet.hosts.part([d!, e!]);
  const parted = Date.now();
  await vi.waitFor(async () => {
    expect(await hostStates()).toMatchObject({ 'host-c': 'alive', 'host-d': 'unreachable', 'host-e': 'unreachable' });
  }, patient);
  console.log(`hosts beyond the partition are unreachable after ${Date.now() - parted} ms`);
  expect((await client().listeners({ port: 3050 })).items, 'what was seen there stays').toHaveLength(1);
  expect(await findings()).toEqual(before.findings);
  // Both sides go on giving ports: the one with the store real ones, the other one provisional ones.
  const real = await client().reserve({ project: 'shop', service: 'meanwhile', port: 20_500 }, { renewing: false });
  const refused = await fleet.portolan('host-d', ['reserve', 'shop/beyond']);
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain('--provisional');
  const wishes = [
    ['shop/beyond', '20600'],
    ['shop/rival', '20500'],
  ];
  for (const [service, port] of wishes) {
    const given = await fleet.portolan('host-d', ['reserve', service!, '--port', port!, '--provisional', '--quiet']);
    expect(given.stderr).toContain('provisional');
    expect(given.stdout.trim()).toBe(port);
  }
  await vi.waitFor(async () => {
    const { stdout } = await fleet.portolan('host-e', ['who', '20600', '--json']);
    expect(JSON.parse(stdout).assignments[0], 'the others on that side know of it').toMatchObject({
      endpoint: { service: 'beyond' },
      provisional: 'host-d',
    });
  }, patient);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, parted + PARTED - Date.now())));

  await Promise.all([d!.heal(), e!.heal()]);
  const healed = Date.now();
  await vi.waitFor(async () => {
    expect(await hostStates()).toEqual(Object.fromEntries(hostNames.map((name) => [name, 'alive'])));
    for (const on of ['host-a', 'host-d']) {
      expect(alive(JSON.parse((await fleet.portolan(on, ['members', '--json'])).stdout).items)).toEqual(everybody);
    }
  }, patient);
  console.log(`all are alive ${Date.now() - healed} ms after the network was whole again`);

  // What was promised beyond the partition is real now, or a finding that names both.
  await vi.waitFor(async () => {
    const ids = (await findings()).map(({ id }) => id);
    expect(ids).toContain('lost-assignment:tcp:shop/rival:default');
    expect((await promises()).map(({ port }) => port)).toContain('tcp/20600');
  }, patient);
  const { items: lost } = await client().findings({ kind: 'lost-assignment' });
  expect(lost[0]!.parties.map(({ service }) => service)).toEqual(['shop/rival', 'shop/meanwhile']);
  const after = await promises();
  expect(after).toEqual(expect.arrayContaining(before.promises));
  expect(new Set(after.map(({ port }) => port)).size).toBe(after.length);
  expect(after.find(({ port }) => port === 'tcp/20500')).toMatchObject({ service: 'meanwhile', token: real.token });
  expect((await findings()).filter(({ id }) => !id.startsWith('lost-assignment'))).toEqual(before.findings);
  await vi.waitFor(async () => {
    expect((await client().findings({ kind: 'host-unreachable', consistent: true })).items).toEqual([]);
  }, patient);
});
