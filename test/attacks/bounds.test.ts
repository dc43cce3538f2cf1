import type { AssignmentView, Page, Reservation } from '@portolan/model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AskedCoordinator, hostInfo, startAskedCoordinator } from '../support/asked-coordinator.ts';

/** A token changes what is its own, whatever stands, by whatever way it asks: each way is tried on each thing that may stand. */

let coordinator: AskedCoordinator;
let [agent, client] = ['', ''];
let next = 20_000;

beforeAll(async () => {
  coordinator = await startAskedCoordinator();
  const { admin, ask } = coordinator;
  agent = await coordinator.token('agent', { host: 'mine' });
  client = await coordinator.token('client', { projects: ['own'] });
  for (const id of ['mine', 'theirs']) {
    await ask(admin, 'PUT', `/v1/hosts/${id}`, hostInfo(`name-of-${id}`));
    // Nobody answers for these hosts, so no port is tried on them first.
    await ask(admin, 'POST', `/v1/hosts/${id}/leave`);
  }
});
afterAll(() => coordinator?.stop());

/** What may stand: of which project, for how long, for which host. */
interface Standing {
  readonly project: 'own' | 'foreign';
  readonly leased: boolean;
  readonly host: 'mine' | 'name-of-mine' | 'theirs' | 'not-known' | undefined;
}

const standings: Standing[] = (['own', 'foreign'] as const).flatMap((project) =>
  [true, false].flatMap((leased) =>
    (['mine', 'name-of-mine', 'theirs', 'not-known', undefined] as const).map((host) => ({ project, leased, host })),
  ),
);

type Stand = Standing & { readonly service: string; readonly port: number; readonly answer: Reservation };

/** Reserved by an operator, with all its terms. */
async function stand(standing: Standing): Promise<Stand> {
  const service = `s${next}`;
  const port = next++;
  const { project, leased, host } = standing;
  const terms = { ...(leased && { ttl: 600 }), ...(host && { host }), holder: 'true-owner', purpose: 'ours' };
  const request = { project, service, port, ...terms };
  const { status, body } = await coordinator.ask<Reservation>(coordinator.admin, 'POST', '/v1/assignments', request);
  expect(status).toBe(201);
  return { ...standing, service, port, answer: body };
}

async function assignmentsOf(service: string): Promise<AssignmentView[]> {
  const path = `/v1/assignments?service=${service}&consistent=true`;
  return (await coordinator.ask<Page<AssignmentView>>(coordinator.admin, 'GET', path)).body.items;
}

type Attempt = readonly [method: string, path: string, body?: unknown];

/** @param token of whoever asked the agent for it */
const provisional = (at: { project: string; service: string; port: number }, more: object = {}, token = agent) => ({
  tokens: [token],
  assignments: [
    {
      protocol: 'tcp',
      port: at.port,
      endpoint: { project: at.project, service: at.service, label: 'default', instance: 1 },
      lease: null,
      host: 'mine',
      holder: 'evil',
      purpose: 'mine now',
      grantedAt: '2026-11-21T08:37:20.949Z',
      provisional: 'mine',
      ...more,
    },
  ],
});

/** Every way by which an assignment that stands could be changed. */
const ways: Record<string, (at: Stand) => Attempt> = {
  'settle it for good': (at) => ['POST', '/v1/hosts/mine/provisional', provisional(at)],
  'settle it on lease': (at) => ['POST', '/v1/hosts/mine/provisional', provisional(at, { lease: { id: 'l', ttl: 9 } })],
  'settle it as for its host': (at) => ['POST', '/v1/hosts/mine/provisional', provisional(at, { host: at.host })],
  'settle it on another port': (at) => ['POST', '/v1/hosts/mine/provisional', provisional({ ...at, port: next++ })],
  'settle another on its port': (at) => [
    'POST',
    '/v1/hosts/mine/provisional',
    provisional({ ...at, service: 'thief' }),
  ],
  renew: ({ answer }) => [
    'POST',
    '/v1/leases/renew',
    { leases: [{ id: answer.lease?.id ?? 'x', token: answer.token }] },
  ],
  'hand over': ({ answer }) => [
    'POST',
    '/v1/leases/renew',
    { leases: [{ id: answer.lease?.id ?? 'x', token: answer.token, handOver: true }] },
  ],
  'reserve for good': ({ project, service }) => ['POST', '/v1/assignments', { project, service, holder: 'evil' }],
  'reserve on lease': ({ project, service }) => ['POST', '/v1/assignments', { project, service, ttl: 60 }],
  'reserve its port': ({ port }) => ['POST', '/v1/assignments', { project: 'own', service: 'thief', port }],
  'take over': ({ project, service, port }) => [
    'POST',
    '/v1/assignments',
    { project, service, port, onTaken: 'takeover', ttl: 60, holder: 'evil' },
  ],
  reassert: ({ project, service, port, answer }) => [
    'POST',
    '/v1/assignments/reassert',
    { project, service, ports: { default: port }, token: answer.token, holder: 'evil' },
  ],
  'release the lease': ({ answer }) => ['POST', '/v1/assignments/release', { lease: answer.lease?.id ?? 'x' }],
  'release the port': ({ port }) => ['POST', '/v1/assignments/release', { port }],
  'release the service': ({ project, service }) => ['POST', '/v1/assignments/release', { project, service }],
  'delete the port': ({ port }) => ['DELETE', `/v1/assignments/tcp/${port}`],
};

/** What a renewal may change of an assignment, and nothing else may be changed by an agent. */
const termsOf = ({ unattended: _, grant: __, token: ___, ...terms }: AssignmentView) => terms;

test.each(Object.entries(ways))(
  'an agent cannot %s, be it not of its host, and takes nothing that is',
  async (_, way) => {
    for (const each of standings) {
      const at = await stand(each);
      const before = await assignmentsOf(at.service);
      const [method, path, body] = way(at);
      const { status } = await coordinator.ask(agent, method, path, body);
      const after = await assignmentsOf(at.service);
      const told = JSON.stringify({ each, method, path, body, status });
      // The name of its host is resolved to the id when the request comes.
      const own = each.host === 'mine' || each.host === 'name-of-mine';
      if (own) expect(after.map(termsOf), told).toEqual(before.map(termsOf));
      else expect(after, told).toEqual(before);
      if (path === '/v1/leases/renew') expect(status, told).toBe(own || !each.leased ? 200 : 403);
      else expect(status, told).toBe(403);
    }
  },
);

test.each(Object.entries(ways))('a client of another project cannot %s', async (_, way) => {
  for (const each of standings.filter(({ project }) => project === 'foreign')) {
    const at = await stand(each);
    const before = await assignmentsOf(at.service);
    const [method, path, body] = way(at);
    const { status } = await coordinator.ask(client, method, path, body);
    const told = JSON.stringify({ each, method, path, body, status });
    expect(await assignmentsOf(at.service), told).toEqual(before);
    const nothingMeant = JSON.stringify(body ?? '').includes('"x"');
    expect(nothingMeant || status === 403 || status === 409, told).toBe(true);
  }
});

test('what a client asked an agent for is given, once, and the same again when the answer was lost', async () => {
  const at = { project: 'own', service: 'new', port: next++ };
  for (let i = 0; i < 2; i++) {
    const asked = provisional(at, {}, client);
    const { status, body } = await coordinator.ask(agent, 'POST', '/v1/hosts/mine/provisional', asked);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { granted: [{ port: at.port, host: 'mine' }], lost: [] },
    });
  }
  const before = await assignmentsOf('new');
  const another = provisional(at, { holder: 'somebody else', lease: { id: 'l', ttl: 60 } }, client);
  const { body } = await coordinator.ask(agent, 'POST', '/v1/hosts/mine/provisional', another);
  expect(body).toMatchObject({ granted: [], lost: [{ detail: expect.stringContaining('evil was granted port') }] });
  expect(await assignmentsOf('new')).toEqual(before);
});

test('an agent makes real nothing that nobody asked it for: neither with its own token, nor beyond that of the asker', async () => {
  const viewer = await coordinator.token('viewer', {});
  for (const [project, token, status] of [
    ['own', agent, 403],
    ['foreign', agent, 403],
    ['foreign', client, 403],
    ['own', viewer, 403],
    ['own', 'ptn_made_up_by_the_agent_itself_0123456789', 200],
  ] as const) {
    const at = { project, service: `nobody${next}`, port: next++ };
    const asked = provisional(at, {}, token);
    const answer = await coordinator.ask(agent, 'POST', '/v1/hosts/mine/provisional', asked);
    expect(answer.status, `${project} ${token}`).toBe(status);
    if (status === 200) expect(answer.body).toMatchObject({ granted: [], lost: [{ finding: null }] });
    expect(await assignmentsOf(at.service)).toEqual([]);
  }
  const never = await coordinator.token('agent', { host: 'never-joined' });
  const { status } = await coordinator.ask(never, 'POST', '/v1/hosts/never-joined/provisional', {
    assignments: [],
    tokens: [],
  });
  expect(status).toBe(400);
});

test('one that is refused keeps no other of its kind from being settled', async () => {
  const foreign = await stand({ project: 'foreign', leased: false, host: undefined });
  const good = { project: 'own', service: 'good', port: next++ };
  const both = [foreign, good].map((at) => provisional(at, {}, client));
  const asked = { assignments: both.flatMap((each) => each.assignments), tokens: both.flatMap((each) => each.tokens) };
  const { status } = await coordinator.ask(agent, 'POST', '/v1/hosts/mine/provisional', asked);
  expect(status).toBe(403);
  expect(await assignmentsOf('good')).toMatchObject([{ port: good.port, host: 'mine' }]);
});

test('a port that is another one becomes a finding that names both', async () => {
  const foreign = await stand({ project: 'foreign', leased: false, host: undefined });
  const at = { project: 'own', service: 'loser', port: foreign.port };
  const { body } = await coordinator.ask(agent, 'POST', '/v1/hosts/mine/provisional', provisional(at, {}, client));
  expect(body).toMatchObject({ granted: [], lost: [{ finding: 'lost-assignment:tcp:own/loser:default' }] });
  const { body: finding } = await coordinator.ask<{ parties: { service: string }[] }>(
    coordinator.admin,
    'GET',
    '/v1/findings/lost-assignment:tcp:own%2Floser:default',
  );
  expect(finding.parties.map(({ service }) => service)).toEqual(['own/loser', `foreign/${foreign.service}`]);
});
