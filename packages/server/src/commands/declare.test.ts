import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  AuditEvent,
  Page,
  PlanDiff,
  PlanInput,
  PlanView,
  Problem,
  Reservation,
  ServiceView,
} from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, startServer } from '../main.ts';

const token = 'ptn_test';
let directory: string;
let server: RunningServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-declare-'));
  server = await startServer({
    port: 0,
    token,
    logger: pino({ level: 'silent' }),
    store: { kind: 'sqlite', path: join(directory, 'fleet.db') },
  });
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

async function call<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

const declare = (project: string, plan: PlanInput, query = '') =>
  call<PlanDiff & Problem>('PUT', `/v1/plans/${project}${query}`, plan);
const reserve = (body: object) => call<Reservation & Problem>('POST', '/v1/assignments', body);
const positionNow = async () => (await call<{ position: string }>('GET', '/v1/changes')).body.position;
const block = (project: string, from: number) => ({
  name: project,
  from,
  to: from + 99,
  purpose: '',
  owner: project,
  policy: 'allocate' as const,
});

describe('declaring a plan', () => {
  test('does nothing when tried, then all of it in one commit that is heard of on the stream', async () => {
    const plan: PlanInput = {
      ranges: [block('one', 3100)],
      blocks: [{ from: 3199, to: 3199, protocol: null, reason: 'printer' }],
      services: [
        { name: 'auth', runtime: 'Bun', status: 'required', endpoints: [{ label: 'default', port: 3101 }] },
        { name: 'web', dependencies: ['one/auth'], endpoints: [{ label: 'default', port: 'auto' }] },
      ],
    };
    const before = await positionNow();
    const tried = await declare('one', plan, '?dryRun=true');
    expect(tried).toMatchObject({
      status: 200,
      body: { applied: false, conflicts: [], ports: { 'web:default': 3100 } },
    });
    expect(tried.body.changes).toHaveLength(6);
    expect(await positionNow()).toBe(before);

    const done = await declare('one', plan, `?version=${tried.body.version}`);
    expect(done).toMatchObject({ status: 200, body: { applied: true, changes: tried.body.changes } });
    const told = await call<{ commits: { position: string; events: { topic: string; key: string }[] }[] }>(
      'GET',
      `/v1/changes?after=${before}&topics=range,block,service,assignment`,
    );
    expect(told.body.commits).toHaveLength(1);
    expect(told.body.commits[0]!.position).toBe(done.body.position);
    expect(told.body.commits[0]!.events.map(({ key }) => key).sort()).toEqual([
      'assignment/tcp/3100',
      'assignment/tcp/3101',
      'block/3199-3199/any',
      'range/one',
      'service/one/auth',
      'service/one/web',
    ]);

    const again = await declare('one', plan);
    expect(again.body).toMatchObject({ applied: true, changes: [] });
    expect(await positionNow()).toBe(done.body.position);
  });

  test('is read as a plan, and with each service that it names', async () => {
    const { body } = await call<PlanView>('GET', '/v1/plans/one');
    expect(body).toMatchObject({ project: 'one', declaredBy: 'bootstrap', ranges: [{ name: 'one' }] });
    expect(body.services.map(({ name }) => name)).toEqual(['auth', 'web']);
    expect((await call<Page<object>>('GET', '/v1/plans')).body.items).toMatchObject([{ project: 'one' }]);
    const service = await call<ServiceView>('GET', '/v1/services/one/auth');
    expect(service.body).toMatchObject({
      plan: { runtime: 'Bun', status: 'required' },
      assignments: [{ port: 3101, lease: null, state: 'pending' }],
      health: [],
    });
    expect((await call('GET', '/v1/plans/none')).status).toBe(404);
  });

  test('leaves one event in the audit trail, with all that it touched', async () => {
    const { body } = await call<Page<AuditEvent>>('GET', '/v1/audit?action=declare&project=one');
    expect(body.items).toHaveLength(1);
    expect(body.items[0]!.targets.map(({ key }) => key).sort()).toEqual([
      'assignment/tcp/3100',
      'assignment/tcp/3101',
      'block/3199-3199/any',
      'plan/one',
      'range/one',
      'service/one/auth',
      'service/one/web',
    ]);
  });

  test('does what was shown or nothing: another diff by then is refused, and told', async () => {
    const plan: PlanInput = {
      services: [{ name: 'a', endpoints: [{ label: 'default', port: 'auto', range: '3300-3309' }] }],
    };
    const shown = (await declare('two', plan, '?dryRun=true')).body;
    expect(shown.ports).toEqual({ 'a:default': 3300 });
    await reserve({ project: 'thief', service: 'x', port: 3300 });
    const before = await positionNow();
    const refused = await declare('two', plan, `?version=${shown.version}`);
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'plan-changed', diff: { applied: false, ports: { 'a:default': 3301 } } },
    });
    expect(await positionNow()).toBe(before);
    const { diff } = refused.body as unknown as { diff: PlanDiff };
    expect((await declare('two', plan, `?version=${diff.version}`)).body.ports).toEqual({ 'a:default': 3301 });
  });

  test('changes nothing when one thing is in the way, and says who has it', async () => {
    await reserve({ project: 'shop', service: 'cart', label: 'api', port: 3401 });
    const before = await positionNow();
    const refused = await declare('three', {
      ranges: [block('three', 3400)],
      services: [
        { name: 'ok', endpoints: [{ label: 'default', port: 3400 }] },
        { name: 'not', endpoints: [{ label: 'default', port: 3401 }] },
      ],
    });
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'plan-conflict', conflicts: [{ id: 'three/not:default/tcp', port: 3401, owner: 'shop/cart' }] },
    });
    expect(refused.body.detail).toContain('assigned to shop/cart:api');
    expect(await positionNow()).toBe(before);
    expect((await call('GET', '/v1/plans/three')).status).toBe(404);
  });

  test('ends the lease of an endpoint that it makes permanent, and its holder is told', async () => {
    const { body } = await reserve({ project: 'four', service: 'a', ttl: 60 });
    const plan: PlanInput = { services: [{ name: 'a', endpoints: [{ label: 'default', port: 'auto' }] }] };
    expect((await declare('four', plan)).body.ports).toEqual({ 'a:default': body.port });
    const renewed = await call('POST', '/v1/leases/renew', { leases: [{ id: body.lease!.id, token: body.token }] });
    expect(renewed.body).toMatchObject({ renewed: [], lost: [{ code: 'not-found' }] });
    const back = await call('POST', '/v1/assignments/reassert', {
      project: 'four',
      service: 'a',
      ports: { default: body.port },
      token: body.token,
      ttl: 60,
    });
    expect(back).toMatchObject({ status: 200, body: { port: body.port, lease: null } });
  });

  test('takes everything back with an empty plan', async () => {
    await declare('five', {
      ranges: [block('five', 3500)],
      services: [{ name: 'a', endpoints: [{ label: 'x', port: 3500 }] }],
    });
    expect((await call('GET', '/v1/assignments/tcp/3500')).status).toBe(200);
    const gone = await declare('five', {});
    expect(gone.body.changes.map(({ action }) => action)).toEqual(['remove', 'remove', 'remove']);
    expect((await call('GET', '/v1/assignments/tcp/3500')).status).toBe(404);
    expect((await call('GET', '/v1/plans/five')).status).toBe(404);
    expect((await reserve({ project: 'else', service: 'b', port: 3500 })).status).toBe(201);
  });

  test('is refused where it cannot be read, with the field', async () => {
    const wrong = async (plan: object) => (await declare('six', plan as PlanInput)).body.detail;
    expect(await wrong({ services: [{ name: 'a b' }] })).toContain('body.services.0.name');
    expect(await wrong({ services: [{ name: 'a' }, { name: 'a' }] })).toContain('a stands twice');
    expect(
      await wrong({
        services: [
          {
            name: 'a',
            endpoints: [
              { label: 'x', port: 1 },
              { label: 'x', port: 2 },
            ],
          },
        ],
      }),
    ).toContain('each label may stand once');
    expect(
      await wrong({ services: [{ name: 'a', endpoints: [{ label: 'x', port: 1, health: 'ftp://x' }] }] }),
    ).toContain('a health check is');
    expect(await wrong({ service: [] })).toContain('service');
    const huge = await declare('six', { services: [{ name: 'a', description: 'x'.repeat(3 * 1024 * 1024) }] });
    expect(huge).toMatchObject({ status: 413, body: { code: 'too-large' } });
  });
});

test('two that declare one project at once leave the one or the other, never a mixture', async () => {
  const plan = (first: number): PlanInput => ({
    services: ['a', 'b', 'c'].map((name, i) => ({ name, endpoints: [{ label: 'default', port: first + i }] })),
  });
  for (let round = 0; round < 10; round++) {
    const starts = [3600, 3601, 3610, 3620];
    const answers = await Promise.all(starts.map((first) => declare('seven', plan(first))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { items } = (await call<Page<{ port: number }>>('GET', '/v1/assignments?project=seven')).body;
    const ports = items.map(({ port }) => port).sort();
    expect(starts.map((first) => [first, first + 1, first + 2])).toContainEqual(ports);
  }
});

test('a plan as large as they may be goes in whole', async () => {
  const services = Array.from({ length: 1_000 }, (_, i) => ({
    name: `service-${i}`,
    description: 'd'.repeat(200),
    endpoints: [
      { label: 'api', port: 40_000 + 2 * i },
      { label: 'metrics', port: 40_001 + 2 * i },
    ],
  }));
  const started = performance.now();
  const { body } = await declare('large', { services });
  expect(body.applied).toBe(true);
  expect(Object.keys(body.ports)).toHaveLength(2_000);
  console.log(`2,000 endpoints of 1,000 services declared in ${Math.round(performance.now() - started)} ms`);
  expect((await declare('large', {})).body.changes).toHaveLength(3_000);
});
