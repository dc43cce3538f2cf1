import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as createRequest, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type PortolanClient } from '@portolan/client';
import {
  type Assignment,
  formatToken,
  type Host,
  type HostListener,
  key,
  listenerId,
  type MemberView,
  type Page,
  type PortReport,
  type Problem,
  packEntry,
  packOwn,
  REGISTRY_SHEET,
  type Source,
  type StoredToken,
  tokenIdOf,
} from '@portolan/model';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { freePort } from '../support/port.ts';
import type { Program } from '../support/program.ts';
import { type Rogue, startRogue } from '../support/rogue.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

/** An agent's machine was taken over: what it may do by gossip, which it has the key of, is to lie about itself. */
const patient = { timeout: 60_000, interval: 100 };
const bench = new Workbench();
const rogues: Rogue[] = [];
let coordinator: Coordinator;
let client: PortolanClient;
/** A port that was promised, and one that somebody listens on. */
let promised: number;
let used: number;

beforeAll(async () => {
  coordinator = await bench.coordinator(['--gossip-port', '0']);
  client = connect({ url: coordinator.url, token: bench.token });
  await startAgent('victim');
  await startAgent('witness');
  used = await freePort();
  await bench.service('clock', used, { address: '127.0.0.1' });
  promised = (await client.reserve({ project: 'crown', service: 'jewels', holder: 'true-owner' })).port;
  await vi.waitFor(async () => {
    for (const agent of ['victim', 'witness']) {
      expect((await local<Page<Assignment>>(agent, '/v1/assignments')).body.items).toHaveLength(1);
      const listeners = await local<Page<HostListener>>(agent, `/v1/listeners?port=${used}`);
      expect(listeners.body.items.map(({ host }) => host).sort()).toEqual(['victim', 'witness']);
    }
  }, patient);
});
afterEach(async () => {
  await Promise.all(rogues.splice(0).map((each) => each.stop()));
});
afterAll(() => bench.clear());

async function startAgent(name: string): Promise<Program> {
  return bench.agent(coordinator.url, name, ['--gossip-port', '0', '--local-port', '0', '--interval', '300']);
}

let count = 0;

/** Each is a host of its own, which has what an agent's token gets. */
async function join(tags: Record<string, string> = {}, hearing = ['victim', 'witness']): Promise<Rogue> {
  const name = `rogue-${++count}`;
  const { token } = await client.createToken({ role: 'agent', name, host: name });
  const rogue = await startRogue(coordinator.url, token, { name, tags });
  rogues.push(rogue);
  // From then on the fleet knows its key.
  await connect({ url: coordinator.url, token }).join(name, { ...INFO, name, key: rogue.key.publicKey });
  await vi.waitFor(async () => {
    for (const agent of hearing) {
      expect((await local<Page<Host>>(agent, '/v1/hosts')).body.items.map(({ id }) => id)).toContain(name);
    }
  }, patient);
  return rogue;
}

/** Asks the local API of an agent. */
async function local<T>(agent: string, path: string, as = bench.token, body?: object) {
  const { url } = JSON.parse(readFileSync(`${bench.directory}/${agent}/local-api.json`, 'utf8')) as { url: string };
  const response = await fetch(url + path, {
    headers: { authorization: `Bearer ${as}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

/** What the rogue says of itself it says after what it says of others: when it is there, so would be the other. */
async function saidAfter(rogue: Rogue, hearing = ['victim', 'witness']): Promise<void> {
  const { name } = rogue.cluster.gossip;
  rogue.cluster.sheets.publish(name, new Map([listener(name, 4_000)]), Date.now());
  await vi.waitFor(async () => {
    for (const agent of hearing) {
      const { body } = await local<Page<HostListener>>(agent, `/v1/listeners?host=${name}`);
      expect(body.items).toHaveLength(1);
    }
  }, patient);
}

function listener(host: string, port: number, service = 'evil/clock'): [string, string] {
  const value: HostListener = {
    host,
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket: '1',
    process: null,
    container: null,
    identity: { service, label: null, instance: null, evidence: { kind: 'systemd', detail: service } },
    since: '2026-11-21T11:00:00.000Z',
  };
  return [key.listener(host, listenerId(value)), packOwn({ kind: 'listener', value })];
}

/** Assignments and a token that no store has. */
function forgedRegistry(count: number, made: string): Map<string, string> {
  const assignments = Array.from({ length: count }, (_, i): [string, string] => {
    const endpoint = { project: 'forged', service: `s${i}`, label: 'default', instance: 1 };
    const value = { protocol: 'tcp', port: 30_000 + i, endpoint, lease: null, grantedAt: '2026-11-21T11:00:00.000Z' };
    return [key.assignment('tcp', 30_000 + i), packEntry(value as Assignment, '9.9')];
  });
  const admin: StoredToken = {
    id: tokenIdOf(made) as string,
    name: 'mine',
    role: 'admin',
    projects: null,
    host: null,
    createdAt: '2026-11-21T11:00:00.000Z',
    createdBy: 'me',
    expiresAt: null,
    digest: hash('sha256', made, 'base64url'),
  };
  return new Map([...assignments, [key.token(admin.id), packEntry(admin, '9.9')]]);
}

const INFO = { addresses: [], platform: 'linux', agentVersion: '1', ephemeral: null, blindSpots: [] };

test.each([
  ['an agent', 60, Date.now],
  ['an agent, with a version beyond all others', 60, () => Number.MAX_SAFE_INTEGER - 2],
  ['an agent, in one small change', 1, Date.now],
  ['a coordinator', 60, () => Date.now() + 1_000],
])('no forged registry is taken: of %s', async (who, count, version) => {
  const rogue = await join(who === 'a coordinator' ? { role: 'coordinator', api: coordinator.url } : {});
  const made = formatToken('forgedtoken1', 'x'.repeat(43));
  rogue.cluster.sheets.publish(REGISTRY_SHEET, forgedRegistry(count, made), version());
  await saidAfter(rogue);
  for (const agent of ['victim', 'witness']) {
    const { body, status } = await local<Page<Assignment>>(agent, '/v1/assignments');
    expect(status, 'the true token').toBe(200);
    expect(body.items.map(({ port }) => port)).toEqual([promised]);
    expect((await local(agent, '/v1/assignments', made)).status, 'the made-up one').toBe(401);
  }
  // And what the registry says from now on still arrives.
  const { port, release } = await client.reserve({ project: 'crown', service: 'next' });
  await vi.waitFor(async () => {
    expect((await local<PortReport>('victim', `/v1/ports/${port}`)).body.assignments).toHaveLength(1);
  }, patient);
  await release();
  await vi.waitFor(async () => {
    expect((await local<PortReport>('victim', `/v1/ports/${port}`)).body.assignments).toEqual([]);
  }, patient);
});

test('nobody says anything of another host: not in its name, nor by passing its sheet on', async () => {
  const rogue = await join();
  // All that the victim listens on would be gone, but for one socket.
  rogue.cluster.sheets.publish('victim', new Map([listener('victim', 4321)]), Date.now() + 1_000);
  await saidAfter(rogue);
  for (const agent of ['victim', 'witness']) {
    const { body } = await local<Page<HostListener>>(agent, '/v1/listeners?host=victim&limit=10000');
    expect(body.items.map(({ port }) => port)).toContain(used);
    expect(body.items.map(({ identity }) => identity?.service)).not.toContain('evil/clock');
  }
});

test('its own sheet has a bound, and what it says beyond it is left out', async () => {
  const rogue = await join();
  const { name } = rogue.cluster.gossip;
  const many = new Map(Array.from({ length: 60_000 }, (_, i) => listener(name, 1_024 + i, `evil/${'x'.repeat(40)}`)));
  rogue.cluster.sheets.publish(name, many, Date.now());
  await vi.waitFor(async () => {
    const { body } = await local<Source>('victim', '/v1/source');
    expect(body.leftOut).toEqual([name]);
  }, patient);
  const { body } = await local<Page<HostListener>>('victim', `/v1/listeners?host=${name}&limit=10000`);
  expect(body.items.length).toBeLessThanOrEqual(1);
});

test('who is said to be dead, and to have left, is marked at most: what listens there stays, and nobody gets its port', async () => {
  const rogue = await join();
  const thief = { project: 'thief', service: 'y', port: used };
  const states = new Set<string>();
  const incarnation = 0xffff_ffff;
  for (const to of ['victim', 'witness', rogue.cluster.gossip.name, ...coordinators(rogue)]) {
    await rogue.say(to, { type: 'dead', node: 'victim', from: 'somebody', incarnation });
    await rogue.say(to, { type: 'dead', node: 'victim', from: 'victim', incarnation });
  }
  await vi
    .waitFor(() => expect(rogue.cluster.gossip.member('victim')?.status).not.toBe('alive'), patient)
    .catch(() => {});
  await rogue.cluster.gossip.removeFailed('victim', { prune: true }).catch(() => {});
  const until = Date.now() + 7_000;
  while (Date.now() < until) {
    states.add((await client.host('victim')).state);
    expect((await client.listeners({ host: 'victim', port: used })).items).toHaveLength(1);
    await expect(client.reserve(thief)).rejects.toMatchObject({ code: 'port-taken' });
    const { body } = await local<Page<HostListener>>('witness', `/v1/listeners?host=victim&port=${used}`);
    expect(body.items).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect([...states]).not.toContain('left');
  await vi.waitFor(async () => expect((await client.host('victim')).state).toBe('alive'), patient);
});

test('while a coordinator answers there is no provisional lease, whatever is said of coordinators', async () => {
  const rogue = await join({}, ['witness']);
  for (const name of coordinators(rogue)) {
    await rogue.say('witness', { type: 'dead', node: name, from: 'somebody', incarnation: 0xffff_ffff });
  }
  const wanted = { project: 'brand', service: 'new', port: 30_900 };
  const { status, body } = await local<Problem>('witness', '/v1/assignments', bench.token, wanted);
  expect([status, body.code]).toEqual([409, 'contention']);
});

test('whoever poses as a coordinator is shown no token when the true one is gone', async () => {
  const shown: string[] = [];
  const lure = createServer((request, response) => {
    if (request.headers.authorization !== undefined) shown.push(`${request.method} ${request.url}`);
    asked.push(`${request.method} ${request.url}`);
    // It passes the question on to the true one, while that is there.
    if (request.url !== '/v1/proof') return response.writeHead(200).end('{}');
    request.pipe(
      createRequest(`${coordinator.url}/v1/proof`, { method: 'POST', headers: request.headers }, (answer) => {
        answer.pipe(response.writeHead(answer.statusCode ?? 500));
      }).on('error', () => response.writeHead(502).end()),
    );
  });
  const asked: string[] = [];
  await new Promise<void>((resolve) => void lure.listen(0, '127.0.0.1', resolve));
  const { port } = lure.address() as AddressInfo;
  const rogue = await join({ role: 'coordinator', api: `http://127.0.0.1:${port}` }, []);
  await vi.waitFor(async () => {
    const { body } = await local<{ items: MemberView[] }>('witness', '/v1/members');
    expect(body.items.map(({ name }) => name)).toContain(rogue.cluster.gossip.name);
  }, patient);
  await coordinator.program.end('SIGKILL');
  await vi.waitFor(() => expect(asked.filter((each) => each === 'POST /v1/proof').length).toBeGreaterThan(2), patient);
  expect(shown).toEqual([]);
  lure.close();
  lure.closeAllConnections();
});

function coordinators({ cluster }: Rogue): string[] {
  return cluster.gossip.members().flatMap(({ name, tags }) => (tags.role === 'coordinator' ? [name] : []));
}
