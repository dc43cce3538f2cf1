import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type PortolanClient } from '@portolan/client';
import type { Finding, FindingEvent, Readiness } from '@portolan/model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../support/port.ts';
import { redisUnavailable, startRedis, type TestRedis } from '../support/redis.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 90_000, interval: 100 };
/** Seconds that anything may be away before it is a finding. */
const GRACE = 2;

const unavailable = redisUnavailable();
let bench: Workbench;
let redis: TestRedis;
const cleanup: (() => unknown)[] = [];

beforeEach(async (context) => {
  context.skip(unavailable !== undefined, unavailable);
  bench = new Workbench();
  redis = await startRedis({ persistence: 'aof', asProcess: true });
});
afterEach(async () => {
  for (const each of cleanup.splice(0)) each();
  await bench?.clear();
  await redis?.stop();
});

const client = (url: string) => connect({ url, token: bench.token });

function coordinator(grace = GRACE, more: readonly string[] = []) {
  return bench.coordinator(['--redis', redis.url, '--grace', String(grace), ...more]);
}

async function finding(from: PortolanClient, kind: Finding['kind']): Promise<Finding | undefined> {
  return (await from.findings({ kind, state: 'all' })).items[0];
}

/** Keeps what alerts are posted to it. */
async function receiver() {
  const events: FindingEvent[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    events.push(JSON.parse(body) as FindingEvent);
    response.end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  cleanup.push(() => server.close());
  const of = (kind: Finding['kind']) =>
    events.filter(({ finding }) => finding.kind === kind).map(({ change }) => change);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, of };
}

test('a coordinator that is killed is a finding and an alert, once, and resolved when it is started again', {
  timeout: 180_000,
}, async () => {
  const one = await coordinator();
  const port = await freePort();
  const args = ['server', '--port', `${port}`, '--log-level', 'warn', '--json', '--redis', redis.url];
  const start = async () => {
    const program = bench.portolan([...args, '--grace', String(GRACE)]);
    await program.says(/"ready":true/);
    return program;
  };
  const second = await start();
  const from = client(one.url);
  const { url, of } = await receiver();
  await from.setWebhook('test', { url });
  await vi.waitFor(async () => expect((await from.readiness()).coordinators).toHaveLength(2), patient);

  const killed = Date.now();
  await second.end('SIGKILL');
  await vi.waitFor(async () => expect((await finding(from, 'coordinator-missing'))?.state).toBe('open'), patient);
  console.info(`a killed coordinator is a finding after ${(Date.now() - killed) / 1000} s`);
  expect((await finding(from, 'coordinator-missing'))?.summary).toContain(`:${port}`);
  const { coordinators } = await from.readiness();
  expect(coordinators.map(({ state }) => state).sort()).toEqual(['alive', 'missing']);
  await vi.waitFor(() => expect(of('coordinator-missing')).toEqual(['opened']), patient);

  await start();
  await vi.waitFor(async () => expect((await finding(from, 'coordinator-missing'))?.state).toBe('resolved'), patient);
  await vi.waitFor(() => expect(of('coordinator-missing')).toEqual(['opened', 'resolved']), patient);
});

test('a coordinator that stops on purpose, or is soon back, is no finding', { timeout: 120_000 }, async () => {
  const one = await coordinator();
  const from = client(one.url);
  const count = async (number: number) =>
    vi.waitFor(async () => expect((await from.readiness()).coordinators).toHaveLength(number), patient);
  const second = await coordinator();
  await count(2);
  expect((await second.program.end('SIGTERM')).code).toBe(0);
  await count(1);
  const third = await coordinator();
  await count(2);
  const { id } = (await from.readiness()).coordinators.at(-1)!;
  await third.program.end('SIGKILL');
  await bench.portolan(['server', '--port', new URL(third.url).port, '--json', '--redis', redis.url]).says(/"ready"/);
  await vi.waitFor(async () => {
    const ids = (await from.readiness()).coordinators.map((each) => each.id);
    expect(ids).toHaveLength(2);
    expect(ids).not.toContain(id);
  }, patient);
  expect((await from.findings({ state: 'all' })).items).toEqual([]);
});

test('an agent that is killed is a finding with its host and an alert, once, and resolved when it is back', {
  timeout: 180_000,
}, async () => {
  const one = await coordinator();
  const from = client(one.url);
  const { url, of } = await receiver();
  await from.setWebhook('test', { url });
  const agent = await bench.agent(one.url, 'build-7', []);
  await vi.waitFor(async () => expect((await from.hosts()).items).toHaveLength(1), patient);
  const killed = Date.now();
  await agent.end('SIGKILL');
  await vi.waitFor(async () => expect((await finding(from, 'host-unreachable'))?.state).toBe('open'), patient);
  console.info(`a killed agent is a finding after ${(Date.now() - killed) / 1000} s, with a grace of ${GRACE} s`);
  expect(await finding(from, 'host-unreachable')).toMatchObject({
    id: 'host-unreachable:build-7',
    severity: 'warning',
    summary: expect.stringMatching(/^The host build-7 has been unreachable since .*Z\. \d+ services? listened there/),
  });
  await vi.waitFor(() => expect(of('host-unreachable')).toEqual(['opened']), patient);
  const told = bench.portolan(['findings', '--url', one.url]);
  expect((await told.ended).code).toBe(0);
  expect(told.stdout).toContain('warning host-unreachable: The host build-7');
  const doctor = bench.portolan(['doctor', '--url', one.url]);
  await doctor.ended;
  expect(doctor.stdout).toMatch(/warn +hosts +unreachable: build-7/);
  expect(doctor.stdout).toMatch(/ok +fleet +1 of 1 coordinators are there; .* leads/);

  await bench.agent(one.url, 'build-7', []);
  await vi.waitFor(async () => expect((await finding(from, 'host-unreachable'))?.state).toBe('resolved'), patient);
  await vi.waitFor(() => expect(of('host-unreachable')).toEqual(['opened', 'resolved']), patient);
});

for (const how of ['killed', 'frozen'] as const) {
  test(`a store that is ${how} is said on the stream within seconds, and told as a finding with its length after`, {
    timeout: 180_000,
  }, async () => {
    const one = await coordinator();
    const from = client(one.url);
    const { url, of } = await receiver();
    await from.setWebhook('test', { url });
    const said: Readiness[] = [];
    const ended = new AbortController();
    cleanup.push(() => ended.abort());
    const watch = from.watch({ topics: ['finding'], signal: ended.signal, readiness: (each) => said.push(each) });
    void (async () => {
      for await (const _ of watch);
    })();
    await vi.waitFor(() => expect(said.at(-1)).toMatchObject({ store: { reachable: true } }), patient);

    const began = Date.now();
    if (how === 'killed') await redis.kill();
    else process.kill(redis.pid!, 'SIGSTOP');
    await vi.waitFor(() => expect(said.at(-1)?.store.reachable).toBe(false), patient);
    console.info(`a store that is ${how} is on the stream after ${(Date.now() - began) / 1000} s`);
    expect(Math.abs(Date.parse(said.at(-1)!.store.since) - began)).toBeLessThan(3_000);
    await vi.waitFor(() => expect(said.at(-1)?.leader.coordinator).toBeNull(), patient);
    // Asked for itself it answers, too.
    expect((await from.readiness()).store.reachable).toBe(false);
    expect((await fetch(`${one.url}/readyz`)).status).toBe(503);
    const metrics = await (await fetch(`${one.url}/metrics`)).text();
    expect(metrics).toContain('portolan_store_reachable 0');
    expect(metrics).toMatch(/portolan_store_unreachable_seconds [1-9]/);

    const ends = Date.now();
    if (how === 'killed') await redis.restart();
    else process.kill(redis.pid!, 'SIGCONT');
    await vi.waitFor(() => expect(said.at(-1)?.store.reachable).toBe(true), patient);
    console.info(`its return is on the stream after ${(Date.now() - ends) / 1000} s`);
    await vi.waitFor(() => expect(said.at(-1)?.leader.coordinator).not.toBeNull(), patient);
    await vi.waitFor(async () => expect(await finding(from, 'store-unavailable')).toBeDefined(), patient);
    expect(await finding(from, 'store-unavailable')).toMatchObject({
      severity: 'warning',
      summary: expect.stringMatching(
        /^The store could not be reached from .* to .*, for \d+ s\. .*It answers again\.$/,
      ),
    });
    expect(await finding(from, 'no-leader'), 'the one says it all').toBeUndefined();
    await vi.waitFor(() => expect(of('store-unavailable')).toEqual(['opened']), patient);
  });
}
