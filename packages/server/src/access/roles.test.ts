import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AuditEvent,
  type Page,
  type Problem,
  type Reservation,
  type Role,
  roles,
  type TokenMade,
} from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RunningServer, startServer } from '../main.ts';

const bootstrap = 'ptn_of_the_start';
const patient = { timeout: 60_000, interval: 50 };

let directory: string;
let server: RunningServer;
const made = {} as Record<Role, TokenMade>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-access-'));
  server = await startServer({
    port: 0,
    token: bootstrap,
    logger: pino({ level: 'silent' }),
    store: { kind: 'sqlite', path: join(directory, 'fleet.db') },
  });
  for (const role of roles) made[role] = await makeToken(role, `a ${role}`);
  for (const id of ['own', 'other']) await call(bootstrap, 'PUT', `/v1/hosts/${id}`, hostInfo(id));
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

async function call<T = Problem>(token: string | undefined, method: string, path: string, body?: unknown) {
  const response = await fetch(server.url + path, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : text) as T };
}

async function makeToken(role: Role, name: string, over: object = {}): Promise<TokenMade> {
  const bound = role === 'client' ? { projects: ['own'] } : role === 'agent' ? { host: 'own' } : {};
  const answer = await call<TokenMade>(bootstrap, 'POST', '/v1/tokens', { role, name, ...bound, ...over });
  expect(answer.status).toBe(201);
  return answer.body;
}

const hostInfo = (name: string) => ({
  name,
  addresses: [],
  platform: 'linux',
  agentVersion: '1',
  ephemeral: null,
  blindSpots: [],
});

const everybody = roles;
const holders = ['admin', 'operator', 'client'] as const;
const operators = ['admin', 'operator'] as const;
const agents = ['admin', 'agent'] as const;
const admins = ['admin'] as const;

/** Who may do what, with a request that says so. What a role may do, it may do on its own host and project. */
const table: Record<string, { may: readonly Role[]; path?: string; body?: unknown }> = {
  'get /v1/tokens/self': { may: everybody },
  'get /v1/tokens': { may: admins },
  'post /v1/tokens': { may: admins, body: { role: 'viewer', name: 'made in passing' } },
  'delete /v1/tokens/{id}': { may: admins, path: '/v1/tokens/0123456789ab' },
  'get /v1/enrolments': { may: admins },
  'post /v1/enrolments': { may: admins, body: { name: 'made in passing', hosts: 1 } },
  'delete /v1/enrolments/{id}': { may: admins, path: '/v1/enrolments/0123456789ab' },
  'get /v1/audit': { may: operators },
  'post /v1/assignments': { may: holders, body: { project: 'own', service: 'api' } },
  'post /v1/assignments/release': { may: holders, body: { project: 'own', service: 'gone' } },
  'post /v1/assignments/reassert': {
    may: holders,
    body: { project: 'own', service: 'back', ports: { api: 4321 }, token: '1.1' },
  },
  'post /v1/leases/renew': {
    may: ['admin', 'operator', 'agent', 'client'],
    body: { leases: [{ id: 'gone', token: '1.1' }] },
  },
  'get /v1/assignments': { may: everybody },
  'get /v1/assignments/{protocol}/{port}': { may: everybody, path: '/v1/assignments/tcp/3000' },
  'delete /v1/assignments/{protocol}/{port}': { may: holders, path: '/v1/assignments/tcp/3000' },
  'get /v1/ports/free': { may: everybody },
  'get /v1/ports/{port}': { may: everybody, path: '/v1/ports/3000' },
  'get /v1/services': { may: everybody },
  'get /v1/services/{project}/{service}': { may: everybody, path: '/v1/services/own/api' },
  'get /v1/ranges': { may: everybody },
  'put /v1/ranges/{name}': { may: operators, path: '/v1/ranges/r', body: { from: 7000, to: 7099 } },
  'delete /v1/ranges/{name}': { may: operators, path: '/v1/ranges/r' },
  'get /v1/blocks': { may: everybody },
  'post /v1/blocks': { may: operators, body: { from: 8080, to: 8080, protocol: null, reason: 'a test' } },
  'delete /v1/blocks/{ports}': { may: operators, path: '/v1/blocks/8080' },
  'get /v1/hosts': { may: everybody },
  'get /v1/hosts/{id}': { may: everybody, path: '/v1/hosts/own' },
  'put /v1/hosts/{id}': { may: agents, path: '/v1/hosts/own', body: hostInfo('own') },
  'post /v1/hosts/{id}/report': {
    may: agents,
    path: '/v1/hosts/own/report',
    body: { seq: 1, previous: null, puts: [], deletes: [], digest: '0'.repeat(16) },
  },
  'post /v1/hosts/{id}/leave': { may: agents, path: '/v1/hosts/own/leave' },
  'delete /v1/hosts/{id}': { may: operators, path: '/v1/hosts/nobody' },
  'post /v1/tasks/{id}/answer': { may: agents, path: '/v1/tasks/gone/answer', body: { unavailable: [] } },
  'put /v1/plans/{project}': { may: operators, path: '/v1/plans/own', body: { services: [] } },
  'get /v1/plans': { may: everybody },
  'get /v1/plans/{project}': { may: everybody, path: '/v1/plans/own' },
  'post /v1/hosts/{id}/health': {
    may: agents,
    path: '/v1/hosts/own/health',
    body: { results: [{ service: 'own/api', label: 'http', state: 'passing', code: 200, ms: 1, detail: '' }] },
  },
  'get /v1/discovery/prometheus': { may: everybody },
  'get /v1/listeners': { may: everybody },
  'get /v1/listeners/orphans': { may: everybody },
  'get /v1/listeners/sheet': { may: everybody },
  'post /v1/listeners/end': { may: operators, body: { host: 'nobody', port: 3000, service: 'own/api' } },
  'get /v1/findings': { may: everybody },
  'get /v1/findings/history': { may: everybody },
  'get /v1/webhooks': { may: operators },
  'put /v1/webhooks/{name}': { may: admins, path: '/v1/webhooks/w', body: { url: 'http://127.0.0.1:9/' } },
  'post /v1/webhooks/{name}/test': { may: admins, path: '/v1/webhooks/none/test' },
  'delete /v1/webhooks/{name}': { may: admins, path: '/v1/webhooks/none' },
  'get /v1/findings/{id}': { may: everybody, path: '/v1/findings/none' },
  'post /v1/findings/{id}/acknowledge': { may: operators, path: '/v1/findings/none/acknowledge' },
  'post /v1/findings/{id}/reopen': { may: operators, path: '/v1/findings/none/reopen' },
  'put /v1/findings/{id}/note': { may: operators, path: '/v1/findings/none/note', body: { text: 'seen' } },
  'delete /v1/findings/{id}/note': { may: operators, path: '/v1/findings/none/note' },
  'get /v1/aliases': { may: everybody },
  'put /v1/aliases/{project}/{service}': { may: operators, path: '/v1/aliases/unknown/a', body: { of: 'own/api' } },
  'delete /v1/aliases/{project}/{service}': { may: operators, path: '/v1/aliases/unknown/a' },
  'post /v1/logins': { may: everybody },
  'get /v1/gossip': { may: agents },
  'get /v1/members': { may: everybody },
  'get /v1/gossip/keys': { may: admins },
  'post /v1/gossip/keys/{action}': { may: admins, path: '/v1/gossip/keys/install', body: {} },
  'post /v1/hosts/{id}/provisional': {
    may: agents,
    path: '/v1/hosts/own/provisional',
    body: {
      assignments: [
        {
          protocol: 'tcp',
          port: 4322,
          endpoint: { project: 'own', service: 'provisional', label: 'api', instance: 1 },
          lease: null,
          host: 'own',
          grantedAt: '2026-11-21T08:37:20.949Z',
          provisional: 'own',
        },
      ],
      tokens: [bootstrap],
    },
  },
  'get /v1/changes': { may: everybody },
  'get /v1/readiness': { may: everybody },
  'get /v1/status': { may: everybody },
};
/** Behind gates of their own: tried where they are. */
const elsewhere = ['get /v1/stream', 'post /v1/logins/redeem', 'post /v1/proof', 'post /v1/enrol'];

describe('every route', () => {
  test('that the OpenAPI document has stands in the table, and the other way round', async () => {
    const { paths } = (await (await fetch(`${server.url}/v1/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((each) => `${each} ${path}`),
    );
    expect(routes.sort()).toEqual([...Object.keys(table), ...elsewhere].sort());
  });

  for (const [route, { may, path, body }] of Object.entries(table)) {
    const [method = '', documented = ''] = route.split(' ');
    const ask = (token?: string) => call(token, method.toUpperCase(), path ?? documented, body);

    test(`${route} is for ${may.join(', ')}`, async () => {
      expect(await ask()).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
      for (const wrong of ['wrong', made.admin.token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))]) {
        expect(await ask(wrong)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
      }
      for (const role of roles) {
        const { status, body } = await ask(made[role].token);
        if (may.includes(role)) expect([200, 201, 404], `${role}: ${JSON.stringify(body)}`).toContain(status);
        else {
          expect({ role, status, code: body.code }).toEqual({ role, status: 403, code: 'forbidden' });
          expect(body.detail).toContain(`"a ${role}"`);
        }
      }
    });
  }

  test('that does not exist is 404 for who has a token, and 401 for who has none', async () => {
    expect((await call(undefined, 'GET', '/v1/nothing')).status).toBe(401);
    for (const role of roles) expect((await call(made[role].token, 'GET', '/v1/nothing')).status).toBe(404);
  });
});

describe('a client', () => {
  let foreign: Reservation;
  let own: Reservation;
  beforeAll(async () => {
    const request = { service: 'x', ttl: 3600 };
    foreign = (await call<Reservation>(bootstrap, 'POST', '/v1/assignments', { ...request, project: 'others' })).body;
    own = (await call<Reservation>(made.client.token, 'POST', '/v1/assignments', { ...request, project: 'own' })).body;
  });

  test('holds ports of its own project', async () => {
    const lease = { id: own.lease!.id, token: own.token };
    expect(await call(made.client.token, 'POST', '/v1/leases/renew', { leases: [lease] })).toMatchObject({
      status: 200,
      body: { renewed: [{ id: lease.id }] },
    });
  });

  test('can neither reserve, renew, release nor re-assert what is of another project, however it names it', async () => {
    const { port, lease, token } = foreign;
    const attempts: [string, string, unknown?][] = [
      ['POST', '/v1/assignments', { project: 'others', service: 'new' }],
      ['POST', '/v1/assignments', { project: 'others', service: 'x', ttl: 60 }],
      ['POST', '/v1/assignments/release', { port }],
      ['POST', '/v1/assignments/release', { lease: lease!.id }],
      ['POST', '/v1/assignments/release', { project: 'others', service: 'x' }],
      ['POST', '/v1/assignments/release', { lease: lease!.id, token }],
      ['DELETE', `/v1/assignments/tcp/${port}`],
      ['POST', '/v1/leases/renew', { leases: [{ id: lease!.id, token }] }],
      ['POST', '/v1/assignments/reassert', { project: 'others', service: 'x', ports: { default: port }, token }],
    ];
    for (const [method, path, body] of attempts) {
      const refused = await call(made.client.token, method, path, body);
      expect(refused, `${method} ${path} ${JSON.stringify(body)}`).toMatchObject({
        status: 403,
        body: { code: 'forbidden', detail: expect.stringContaining('others') },
      });
    }
    const still = await call(bootstrap, 'GET', `/v1/assignments/tcp/${port}`);
    expect(still).toMatchObject({ status: 200, body: { token, endpoint: { project: 'others' } } });
  });

  test('reads the whole fleet, since whoever plans a port has to see them all', async () => {
    const { body } = await call<Page<{ port: number }>>(made.client.token, 'GET', '/v1/assignments?project=others');
    expect(body.items).toContainEqual(expect.objectContaining({ port: foreign.port }));
  });
});

describe('an agent', () => {
  test('speaks for its host alone', async () => {
    const report = { seq: 1, previous: null, puts: [], deletes: [], digest: '0'.repeat(16) };
    for (const [method, path, body] of [
      ['PUT', '/v1/hosts/other', hostInfo('other')],
      ['POST', '/v1/hosts/other/report', report],
      ['POST', '/v1/hosts/other/leave'],
    ] as const) {
      expect(await call(made.agent.token, method, path, body)).toMatchObject({
        status: 403,
        body: { detail: expect.stringContaining('other') },
      });
    }
    expect((await call(bootstrap, 'GET', '/v1/hosts/other')).body).toMatchObject({ state: 'alive' });
  });

  test('renews what runs on its host, by the name of it too, and nothing else', async () => {
    const renewed = async (host: string | undefined) => {
      const service = `on-${host}`;
      const request = { project: 'p', service, ttl: 60, ...(host !== undefined && { host }) };
      const { lease, token } = (await call<Reservation>(bootstrap, 'POST', '/v1/assignments', request)).body;
      return (await call(made.agent.token, 'POST', '/v1/leases/renew', { leases: [{ id: lease!.id, token }] })).status;
    };
    await call(bootstrap, 'POST', '/v1/hosts/own/leave');
    await call(made.agent.token, 'PUT', '/v1/hosts/own', hostInfo('named'));
    // Nobody answers for these hosts, so no port is tried on them first.
    await call(made.agent.token, 'POST', '/v1/hosts/own/leave');
    expect(await renewed('own')).toBe(200);
    expect(await renewed('named')).toBe(200);
    expect(await renewed('elsewhere')).toBe(403);
    expect(await renewed(undefined)).toBe(403);
  });
});

describe('a token', () => {
  test('tells who it is, and never its digest', async () => {
    for (const role of roles) {
      const { body } = await call<object>(made[role].token, 'GET', '/v1/tokens/self');
      expect(body).toEqual({
        id: made[role].id,
        name: `a ${role}`,
        role,
        projects: role === 'client' ? ['own'] : null,
        host: role === 'agent' ? 'own' : null,
        expiresAt: null,
      });
    }
    const list = await call<Page<object>>(bootstrap, 'GET', '/v1/tokens');
    expect(list.body.items.length).toBeGreaterThanOrEqual(roles.length);
    const text = JSON.stringify(list.body);
    expect(text).not.toContain('digest');
    for (const { token } of Object.values(made)) expect(text).not.toContain(token.slice(17));
  });

  test('has its bounds, and no other role has any', async () => {
    for (const wrong of [
      { role: 'client' },
      { role: 'agent' },
      { role: 'viewer', projects: ['own'] },
      { role: 'admin', host: 'own' },
      { role: 'client', projects: [] },
      { role: 'captain' },
      { role: 'viewer', ttl: 0 },
    ]) {
      expect(
        (await call(bootstrap, 'POST', '/v1/tokens', { name: 'wrong', ...wrong })).status,
        JSON.stringify(wrong),
      ).toBe(400);
    }
  });

  test('is no longer accepted once it is revoked', async () => {
    const { id, token } = await makeToken('viewer', 'short-lived');
    expect((await call(token, 'GET', '/v1/hosts')).status).toBe(200);
    expect((await call(bootstrap, 'DELETE', `/v1/tokens/${id}`)).status).toBe(200);
    expect((await call(token, 'GET', '/v1/hosts')).status).toBe(401);
    expect((await call(bootstrap, 'DELETE', `/v1/tokens/${id}`)).status).toBe(404);
  });

  test('is no longer accepted once its time is over, and then forgotten', async () => {
    const { id, token, expiresAt } = await makeToken('viewer', 'brief', { ttl: 2 });
    expect((await call(token, 'GET', '/v1/hosts')).status).toBe(200);
    await vi.waitFor(async () => expect((await call(token, 'GET', '/v1/hosts')).status).toBe(401), patient);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt!));
    await vi.waitFor(async () => {
      const { body } = await call<Page<{ id: string }>>(bootstrap, 'GET', '/v1/tokens');
      expect(body.items.map((each) => each.id)).not.toContain(id);
    }, patient);
  });

  test('is in no change that is told', async () => {
    const before = (await call<{ position: string }>(bootstrap, 'GET', '/v1/changes')).body.position;
    await makeToken('viewer', 'unheard');
    const told = await call<{ commits: unknown[] }>(bootstrap, 'GET', `/v1/changes?after=${before}`);
    expect(told.body.commits).toEqual([]);
    expect((await call(bootstrap, 'GET', `/v1/changes?after=${before}&topics=token`)).status).toBe(400);
    expect((await call(bootstrap, 'GET', `/v1/changes?after=${before}&topics=audit`)).status).toBe(400);
  });
});

describe('the audit trail', () => {
  const trail = async (query: string) => (await call<Page<AuditEvent>>(bootstrap, 'GET', `/v1/audit?${query}`)).body;

  test('tells who did what to what, when and from where, as soon as it is done', async () => {
    const since = new Date().toISOString();
    const { token } = await makeToken('operator', 'ada');
    const { port } = (await call<Reservation>(token, 'POST', '/v1/assignments', { project: 'trail', service: 'a' }))
      .body;
    await call(token, 'POST', '/v1/assignments', { project: 'trail', service: 'a' });
    await call(token, 'DELETE', `/v1/assignments/tcp/${port}`);
    await call(token, 'PUT', '/v1/ranges/trail', { from: 7100, to: 7199, owner: 'trail' });
    await call(token, 'DELETE', '/v1/ranges/trail');
    const { items } = await trail('actor=ada');
    const target = { key: `assignment/tcp/${port}`, of: 'trail/a:default' };
    expect(items.map(({ action, targets }) => ({ action, targets }))).toEqual([
      { action: 'remove-range', targets: [{ key: 'range/trail', of: 'trail' }] },
      { action: 'set-range', targets: [{ key: 'range/trail', of: 'trail' }] },
      { action: 'release', targets: [target] },
      { action: 'reserve', targets: [target] },
    ]);
    for (const event of items) {
      expect(event).toMatchObject({ actor: { name: 'ada', role: 'operator' }, address: '127.0.0.1' });
      expect(event.at >= since).toBe(true);
    }
    expect((await trail(`port=${port}&action=release`)).items).toHaveLength(1);
    expect((await trail('project=trail&action=set-range')).items).toHaveLength(1);
    expect((await trail(`actor=ada&since=${new Date(Date.now() + 1000).toISOString()}`)).items).toEqual([]);
    expect((await trail('action=create-token&limit=1')).items[0]).toMatchObject({ targets: [{ of: 'ada' }] });
  });

  test('is read page by page', async () => {
    const whole = (await trail('limit=10000')).items.map(({ id }) => id);
    const pages: string[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const page: Page<AuditEvent> = await trail(`limit=3${after && `&after=${encodeURIComponent(after)}`}`);
      pages.push(...page.items.map(({ id }) => id));
      after = page.next;
    }
    expect(pages).toEqual(whole);
    expect(whole).toEqual(whole.toSorted().reverse());
  });

  test('has what was refused, counted where it was the same', async () => {
    const { token } = await makeToken('viewer', 'curious');
    for (let i = 0; i < 5; i++) await call(token, 'PUT', '/v1/ranges/curious', { from: 7300, to: 7301 });
    await vi.waitFor(async () => {
      const { items } = await trail('actor=curious&action=refused');
      expect(items.reduce((sum, { times }) => sum + times, 0)).toBe(5);
      expect(items.length).toBeLessThan(5);
      expect(items[0]!.detail).toContain('PUT /v1/ranges/curious');
    }, patient);
  });
});
