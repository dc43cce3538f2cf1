import { connect } from '@portolan/client';
import type { Host } from '@portolan/model';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { listenTo } from '../support/heard.ts';
import { createHosts, hostsUnavailable, type TestHost } from '../support/netns.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

const unavailable = hostsUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

/** Nobody but its reports tells of it, and it has no sockets of its own. */
const ALONE = ['--no-gossip', '--no-local-api'];

/** A fleet of one host, and a client that hears of it. */
async function fleet() {
  const bench = new Workbench();
  onTestFinished(() => bench.clear());
  const { hosts, gateway, cleanup } = await createHosts(1);
  onTestFinished(cleanup);
  const [host] = hosts as [TestHost];
  const serve = (port: string) => bench.coordinator(['--host', gateway, '--insecure-bind', '--port', port]);
  const coordinator = await serve('0');
  const { url } = coordinator;
  const client = connect({ url, token: bench.token });
  const startAgent = () =>
    bench.agent(url, 'host-a', ['--no-all-namespaces', '--interval', '200', ...ALONE], { on: host });
  const agent = await startAgent();
  const ports = async () => (await client.listeners({ host: 'host-a' })).items.map(({ port }) => port).sort();
  return { bench, host, coordinator, restart: () => serve(new URL(url).port), client, agent, startAgent, ports };
}

test('a host whose agent was killed is unreachable, keeps its listeners, and is alive when the agent is back', async () => {
  const { bench, host, client, agent, startAgent, ports } = await fleet();
  await bench.service('mana-sync', 3050, { on: host });
  await vi.waitFor(async () => expect(await ports()).toEqual([3050]), patient);
  const heard = await listenTo(client, { topics: ['host', 'listener'] });
  onTestFinished(() => heard.stop());

  await agent.end('SIGKILL');
  await vi.waitFor(async () => expect((await client.host('host-a')).state).toBe('unreachable'), {
    timeout: 60_000,
    interval: 200,
  });
  expect(await ports()).toEqual([3050]);

  await startAgent();
  await vi.waitFor(async () => expect((await client.host('host-a')).state).toBe('alive'), patient);
  expect(await ports()).toEqual([3050]);
  await vi.waitFor(() => {
    const states = heard.changes().filter(({ topic }) => topic === 'host');
    expect(states.map(({ value }) => (value as Host).state)).toEqual(['unreachable', 'alive']);
  }, patient);
  // What the agent sees anew is what was known: nobody hears of a listener that came or went.
  expect(heard.changes().filter(({ op, topic }) => topic === 'listener' && op === 'delete')).toEqual([]);
});

test('after an outage of the coordinator the agent reports what differs, and nothing else', async () => {
  const { bench, host, coordinator, restart, client, agent, ports } = await fleet();
  const gone = await bench.service('gone', 3051, { on: host });
  await bench.service('stays', 3052, { on: host });
  await vi.waitFor(async () => expect(await ports()).toEqual([3051, 3052]), patient);
  const reserved = await client.reserve({ project: 'mana', service: 'api' });
  const heard = await listenTo(client, { topics: ['host', 'listener', 'assignment'] });
  onTestFinished(() => heard.stop());

  expect((await coordinator.program.end('SIGTERM')).code).toBe(0);
  await gone.program.end();
  const brief = await bench.service('brief', 3053, { on: host });
  await bench.service('fresh', 3054, { on: host });
  // While it tries in vain it goes on scanning.
  const failures = () => agent.stderr.split('did not take a report').length;
  const before = failures();
  await vi.waitFor(() => expect(failures()).toBeGreaterThan(before + 1), patient);
  await brief.program.end();
  const back = Date.now();
  await restart();

  await vi.waitFor(async () => expect(await ports()).toEqual([3052, 3054]), patient);
  const { items } = await client.listeners({ port: 3054 });
  expect(Date.parse(items[0]!.since)).toBeLessThan(back);
  expect((await client.host('host-a')).state).toBe('alive');
  expect((await client.assignment('tcp', reserved.port)).endpoint.service).toBe('api');
  await vi.waitFor(() => {
    const said = heard.changes().map(({ op, key }) => `${op} ${key}`);
    expect(said.sort()).toEqual([
      expect.stringMatching('^delete listener/host-a/tcp/0.0.0.0/3051/'),
      expect.stringMatching('^put listener/host-a/tcp/0.0.0.0/3054/'),
    ]);
  }, patient);
  expect(heard.events.map(({ type }) => type)).not.toContain('reset');
});
