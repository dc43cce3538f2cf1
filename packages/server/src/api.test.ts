import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AssignmentView,
  type Finding,
  type Listener,
  listenerFingerprint,
  type Page,
  type PortReport,
  type Problem,
  type Reservation,
  type ServiceView,
  SetDigest,
} from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RunningServer, startServer } from './main.ts';

const token = 'ptn_test';
const logger = pino({ level: 'silent' });

describe('the API over an embedded store', () => {
  let directory: string;
  let server: RunningServer;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portolan-api-'));
    server = await startServer({
      port: 0,
      token,
      logger,
      store: { kind: 'sqlite', path: join(directory, 'fleet.db') },
    });
  });
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true });
  });

  async function call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: T; type: string }> {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    return { status: response.status, body: (type.includes('json') ? JSON.parse(text) : text) as T, type };
  }
  const reserve = (body: unknown) => call<Reservation & Problem>('POST', '/v1/assignments', body);

  test('nothing of /v1 answers without the token, or with a wrong one', async () => {
    for (const path of ['/v1/assignments', '/v1/listeners', '/v1/ports/3000', '/v1/nothing', '/v1/changes']) {
      const none = await fetch(`${server.url}${path}`);
      expect(none.status, path).toBe(401);
      expect(none.headers.get('www-authenticate')).toContain('Bearer');
      expect(await none.json()).toMatchObject({ code: 'unauthorized' });
      expect((await call('GET', path, undefined, { authorization: 'Bearer wrong' })).status, path).toBe(401);
    }
  });

  test('a reservation from a range answers 201 with the port, and the same again with 200', async () => {
    const request = { project: 'shop', service: 'cart', label: 'api', range: '41000-41399' };
    const first = await reserve(request);
    expect(first.status).toBe(201);
    expect(first.body.port).toBeGreaterThanOrEqual(41_000);
    expect(first.body.port).toBeLessThanOrEqual(41_399);
    expect(first.body).toMatchObject({ created: true, wasInUse: false, acknowledged: 'disk', lease: null });
    const again = await reserve(request);
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({ port: first.body.port, token: first.body.token, created: false });
    const one = await call<AssignmentView>('GET', `/v1/assignments/tcp/${first.body.port}`);
    expect(one.body).toMatchObject({
      state: 'pending',
      token: first.body.token,
      endpoint: { project: 'shop', service: 'cart', label: 'api' },
    });
  });

  test('a taken port is refused with its owner and others that can be had', async () => {
    await reserve({ project: 'shop', service: 'owner', port: 4100 });
    const refused = await reserve({ project: 'shop', service: 'rival', port: 4100 });
    expect(refused.status).toBe(409);
    expect(refused.type).toContain('application/problem+json');
    expect(refused.body).toMatchObject({ code: 'port-taken', port: 4100, owner: 'shop/owner' });
    expect(refused.body.suggestions).toContain(4101);
    const next = await reserve({ project: 'shop', service: 'rival', preferred: 4100 });
    expect(next.body).toMatchObject({ port: 4101, wasInUse: true, obstacle: { port: 4100, by: 'shop/owner' } });
    expect(next.body.attempts).toBe(2);
  });

  test('a project that owns a block of 100 is given the next free port of it, and nobody else is', async () => {
    expect(
      (await call('PUT', '/v1/ranges/sv', { from: 5000, to: 5099, owner: 'sv', purpose: 'block of sv' })).status,
    ).toBe(200);
    const ports = [];
    for (const service of ['postgres', 'redis', 'api'])
      ports.push((await reserve({ project: 'sv', service, purpose: 'test' })).body.port);
    expect(ports).toEqual([5000, 5001, 5002]);
    expect((await reserve({ project: 'other', service: 'x', range: 'sv' })).body.code).toBe('forbidden');
    const outside = (await reserve({ project: 'other', service: 'x', range: '4999-5100', order: 'lowest' })).body.port;
    expect(outside).toBe(4999);
    const overlapping = await call<Problem>('PUT', '/v1/ranges/late', { from: 5050, to: 5150 });
    expect(overlapping.body.code).toBe('range-overlap');
  });

  test('labels are given one contiguous block in their order', async () => {
    await reserve({ project: 'portos', service: 'in-the-way', port: 5556 });
    const block = await reserve({
      project: 'portos',
      service: 'browser',
      labels: ['cdp', 'health', 'ws'],
      range: '5554-5560',
      order: 'lowest',
    });
    expect(block.body.ports).toEqual({ cdp: 5557, health: 5558, ws: 5559 });
    const view = await call<ServiceView>('GET', '/v1/services/portos/browser');
    expect(view.body.assignments.map(({ endpoint, port }) => `${endpoint.label}:${port}`)).toEqual([
      'cdp:5557',
      'health:5558',
      'ws:5559',
    ]);
  });

  test('a range that is full is told so', async () => {
    await reserve({ project: 'full', service: 'a', range: '4200-4201' });
    await reserve({ project: 'full', service: 'b', range: '4200-4201' });
    const refused = await reserve({ project: 'full', service: 'c', range: '4200-4201' });
    expect(refused.status).toBe(409);
    expect(refused.body.code).toBe('range-exhausted');
    expect((await reserve({ project: 'full', service: 'd', range: 'nowhere' })).body.code).toBe('unknown-range');
  });

  test('blocked and system ports are never given', async () => {
    await call('POST', '/v1/blocks', { from: 8080, to: 8080, protocol: null, reason: 'common development servers' });
    const refused = await reserve({ project: 'shop', service: 'web', port: 8080 });
    expect(refused.body).toMatchObject({
      code: 'port-blocked',
      detail: expect.stringContaining('common development servers'),
    });
    expect((await reserve({ project: 'shop', service: 'web', port: 80 })).body.code).toBe('port-blocked');
    expect((await call('DELETE', '/v1/blocks/8080')).status).toBe(200);
    expect((await reserve({ project: 'shop', service: 'web', port: 8080 })).status).toBe(201);
  });

  test('asking again for a lease changes no terms, and the answer has those that hold', async () => {
    const endpoint = { project: 'shop', service: 'again' };
    const first = await reserve({ ...endpoint, ttl: 60, purpose: 'a', host: 'one', holder: 'first' });
    const again = await reserve({ ...endpoint, ttl: 3600, purpose: 'b', host: 'two', holder: 'second' });
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({ token: first.body.token, lease: first.body.lease });
    expect(again.body.assignments).toEqual(first.body.assignments);
    const held = await call<AssignmentView>('GET', `/v1/assignments/tcp/${first.body.port}`);
    expect(held.body).toEqual(first.body.assignments[0]);
  });

  test('asking again without a ttl makes the port permanent and writes what is given, under a new token', async () => {
    const endpoint = { project: 'shop', service: 'settled' };
    const first = await reserve({ ...endpoint, ttl: 60, purpose: 'a', holder: 'first' });
    const settled = await reserve({ ...endpoint, purpose: 'b' });
    expect(settled.status).toBe(200);
    expect(settled.body).toMatchObject({ port: first.body.port, lease: null });
    expect(settled.body.token).not.toBe(first.body.token);
    expect(settled.body.assignments[0]).toMatchObject({ purpose: 'b', holder: 'first', lease: null });
    // A permanent port stays one, whoever asks for a lease.
    const later = await reserve({ ...endpoint, ttl: 60, purpose: 'c' });
    expect(later.body).toMatchObject({ token: settled.body.token, lease: null });
    expect(later.body.assignments[0]).toMatchObject({ purpose: 'b' });
  });

  test('a lease is renewed and released by its token only', async () => {
    const leased = (await reserve({ project: 'shop', service: 'leased', ttl: 30 })).body;
    expect(leased.lease).toMatchObject({ ttl: 30 });
    const id = leased.lease!.id;
    const renew = (leases: unknown) =>
      call<{ renewed: unknown[]; lost: { code: string }[] }>('POST', '/v1/leases/renew', { leases });
    expect((await renew([{ id, token: leased.token }])).body.renewed).toEqual([{ id, ttl: 30 }]);
    const stale = await renew([
      { id, token: '1.1' },
      { id: 'gone', token: '1.1' },
    ]);
    expect(stale.body.lost.map(({ code }) => code)).toEqual(['fenced', 'not-found']);
    expect((await call<Problem>('POST', '/v1/assignments/release', { lease: id, token: '1.1' })).body.code).toBe(
      'fenced',
    );
    expect((await call('POST', '/v1/assignments/release', { lease: id, token: leased.token })).status).toBe(200);
    expect((await call<Problem>('POST', '/v1/assignments/release', { lease: id })).body.code).toBe('not-found');
  });

  test('what was lost to another is told to who asserts it, and stays as a finding', async () => {
    const mine = (await reserve({ project: 'shop', service: 'loser', port: 4300 })).body;
    const body = { project: 'shop', service: 'loser', ports: { default: 4300 }, token: mine.token };
    expect((await call<Reservation>('POST', '/v1/assignments/reassert', body)).body.port).toBe(4300);
    await call('POST', '/v1/assignments/release', { port: 4300 });
    const theirs = (await reserve({ project: 'shop', service: 'winner', port: 4300 })).body;
    const lost = await call<Problem>('POST', '/v1/assignments/reassert', body);
    expect(lost.body).toMatchObject({ status: 409, code: 'assignment-lost', owner: 'shop/winner:default' });
    const findings = await call<Page<Finding>>('GET', '/v1/findings?kind=lost-assignment');
    expect(findings.body.items).toHaveLength(1);
    await reserve({ project: 'shop', service: 'loser', port: 4301 });
    expect((await call<Page<Finding>>('GET', '/v1/findings?kind=lost-assignment')).body.items).toHaveLength(0);

    // The token of a grant, and not of one to whoever shows it.
    const made = { ...body, service: 'never', token: theirs.token };
    const refused = await call<Problem>('POST', '/v1/assignments/reassert', made);
    expect(refused.body).toMatchObject({ status: 409, code: 'assignment-lost', finding: null });
    expect((await call<Page<Finding>>('GET', '/v1/findings?kind=lost-assignment')).body.items).toHaveLength(0);
  });

  test('more ports than one grant can have are not taken back', async () => {
    const ports = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 4400 + i]));
    const body = { project: 'shop', service: 'wide', ports, token: '1.1' };
    const refused = await call<Problem>('POST', '/v1/assignments/reassert', body);
    expect(refused.body).toMatchObject({ status: 400, code: 'invalid-request' });
    expect(refused.body.detail).toContain('at most 64 ports');
  });

  test('bad input is refused with what is wrong with it', async () => {
    for (const port of [0, 65_536, 'abc', 1.5, -1]) {
      const refused = await reserve({ project: 'shop', service: 'x', port });
      expect(refused.status, String(port)).toBe(400);
      expect(refused.body).toMatchObject({ code: 'invalid-request', detail: expect.stringContaining('port') });
    }
    expect((await call<Problem>('POST', '/v1/assignments', '{"project":')).body.code).toBe('invalid-request');
    expect((await reserve({ project: 'shop', service: 'x', nonsense: 1 })).status).toBe(400);
    expect((await reserve({ project: 'a/b', service: 'x' })).status).toBe(400);
    expect((await call<Problem>('GET', '/v1/ports/99999')).status).toBe(400);
    expect((await reserve({ project: 'shop', service: 'x', purpose: 'x'.repeat(100_000) })).body).toMatchObject({
      status: 413,
      code: 'too-large',
    });
    expect((await call<Problem>('GET', '/v1/nothing')).body).toMatchObject({ status: 404, code: 'not-found' });
  });

  describe('agents', () => {
    const info = {
      name: 'host-a',
      addresses: ['10.0.0.1'],
      platform: 'linux',
      agentVersion: '0',
      ephemeral: null,
      blindSpots: [],
    };
    const join = (id: string, name: string) => call('PUT', `/v1/hosts/${id}`, { ...info, name });
    const listener = (service: string, port: number, over: Partial<Listener> = {}): Listener => ({
      protocol: 'tcp',
      address: '0.0.0.0',
      port,
      netns: 'host',
      v6only: null,
      socket: '1',
      process: { pid: 4711, startedAt: 1, uid: 0, user: 'root', command: service, commandLine: service, cwd: '/' },
      container: null,
      identity: {
        service: `mana/${service}`,
        label: null,
        instance: null,
        evidence: { kind: 'systemd', detail: `${service}.service` },
      },
      since: '2026-01-01T00:00:00.000Z',
      ...over,
    });
    const digestOf = (listeners: Listener[]) => {
      const digest = new SetDigest();
      for (const each of listeners) digest.toggle(listenerFingerprint(each));
      return digest.toString();
    };
    const report = (
      id: string,
      seq: number,
      previous: number | null,
      puts: Listener[],
      deletes: string[],
      all: Listener[],
    ) =>
      call<{ status: string } & Problem>('POST', `/v1/hosts/${id}/report`, {
        seq,
        previous,
        puts,
        deletes,
        digest: digestOf(all),
      });
    const collisions = async (port: number) =>
      (await call<Page<Finding>>('GET', `/v1/findings?kind=collision&port=${port}`)).body.items;

    test('reports are deltas, doubled ones do no harm, and a gap asks for everything', async () => {
      expect((await report('unknown', 1, null, [], [], [])).body).toMatchObject({ status: 404, code: 'unknown-host' });
      await join('a', 'host-a');
      const [x, y] = [listener('x', 3100), listener('y', 3101, { socket: '2' })];
      expect((await report('a', 1, null, [x], [], [x])).body.status).toBe('accepted');
      expect((await report('a', 2, 1, [y], [], [x, y])).body.status).toBe('accepted');
      expect((await report('a', 2, 1, [y], [], [x, y])).body.status).toBe('accepted');
      expect((await report('a', 4, 3, [], [], [x, y])).body.status).toBe('resync');
      expect((await report('a', 3, 2, [], [], [x])).body.status).toBe('resync');
      expect((await report('a', 5, null, [y], [], [y])).body.status).toBe('accepted');
      const listed = await call<Page<Listener>>('GET', '/v1/listeners?host=host-a');
      expect(listed.body.items.map(({ port }) => port)).toEqual([3101]);
    });

    test('two services on one port of two hosts collide until one of them stops', async () => {
      await join('a', 'host-a');
      await join('b', 'host-b');
      const sync = listener('mana-sync', 3050);
      const bot = listener('mana-voice-bot', 3050, { socket: '9', process: { ...sync.process!, pid: 812 } });
      await report('a', 10, null, [sync], [], [sync]);
      await report('b', 1, null, [bot], [], [bot]);
      const [found] = await vi.waitFor(async () => {
        const items = await collisions(3050);
        expect(items).toHaveLength(1);
        return items;
      }, 10_000);
      expect(found).toMatchObject({ class: 'latent', maskedBy: 'host', severity: 'warning', state: 'open' });
      expect(found!.parties.map(({ service, host, pid }) => [service, host?.name, pid])).toEqual([
        ['mana/mana-sync', 'host-a', 4711],
        ['mana/mana-voice-bot', 'host-b', 812],
      ]);
      const port = await call<PortReport>('GET', '/v1/ports/3050');
      expect(port.body.findings).toHaveLength(1);
      expect(Object.keys(port.body.hosts)).toEqual(['a', 'b']);
      await report('b', 2, null, [], [], []);
      await vi.waitFor(async () => expect(await collisions(3050)).toHaveLength(0), 10_000);
      const history = await call<Page<Finding>>('GET', '/v1/findings?state=resolved&port=3050');
      expect(history.body.items[0]).toMatchObject({ state: 'resolved' });
    });

    test('one service on both hosts is no finding, and a port that another uses is not given', async () => {
      await join('a', 'host-a');
      await join('b', 'host-b');
      const exporter = listener('node-exporter', 9100);
      await report('a', 20, null, [exporter], [], [exporter]);
      await report('b', 20, null, [exporter], [], [exporter]);
      expect((await reserve({ project: 'mana', service: 'other', port: 9100 })).body).toMatchObject({
        code: 'port-taken',
        obstacle: { reason: 'observed', by: 'mana/node-exporter' },
      });
      const own = await reserve({ project: 'mana', service: 'node-exporter', port: 9100 });
      expect(own.body.assignments[0]).toMatchObject({ state: 'bound' });
      expect(await collisions(9100)).toHaveLength(0);
    });

    test('a host that leaves takes its listeners with it', async () => {
      await join('c', 'host-c');
      const one = listener('one', 3200);
      await report('c', 1, null, [one], [], [one]);
      expect((await call<{ state: string }>('POST', '/v1/hosts/c/leave')).body.state).toBe('left');
      expect((await call<Page<Listener>>('GET', '/v1/listeners?host=c')).body.items).toHaveLength(0);
      expect((await report('c', 2, 1, [], [], [])).body.code).toBe('unknown-host');
      expect((await call('DELETE', '/v1/hosts/c')).status).toBe(200);
      expect((await call('GET', '/v1/hosts/c')).status).toBe(404);
    });
  });

  test('the document of the interface and the health of the coordinator need no token', async () => {
    const document = (await (await fetch(`${server.url}/v1/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, unknown>;
    };
    expect(document.openapi).toBe('3.1.0');
    for (const path of [
      '/v1/assignments',
      '/v1/ports/{port}',
      '/v1/listeners',
      '/v1/hosts',
      '/v1/services',
      '/v1/ranges',
      '/v1/blocks',
      '/v1/findings',
      '/v1/changes',
    ]) {
      expect(document.paths, path).toHaveProperty([path]);
    }
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/^portolan_assignments \d+$/m);
    expect(metrics).toMatch(
      /portolan_http_request_duration_seconds_count\{method="POST",route="\/v1\/assignments",status="201"\} \d+/,
    );
  });

  test('changes are told after a position, as pages and as events', async () => {
    const before = (await call<{ position: string }>('GET', '/v1/changes')).body.position;
    const { port } = (await reserve({ project: 'shop', service: 'changed' })).body;
    const page = (
      await call<{ commits: { events: unknown[] }[]; position: string }>(
        'GET',
        `/v1/changes?after=${before}&topics=assignment`,
      )
    ).body;
    expect(page.commits.flatMap(({ events }) => events)).toMatchObject([
      { op: 'put', topic: 'assignment', value: { port } },
    ]);
    expect((await call<Problem>('GET', '/v1/changes?after=1-12345')).body).toMatchObject({
      status: 404,
      reason: expect.stringMatching(/diverged|trimmed/),
    });

    const abort = new AbortController();
    const events = await fetch(`${server.url}/v1/changes?after=${before}&topics=assignment`, {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      signal: abort.signal,
    });
    expect(events.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of events.body!) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('"synced"')) break;
    }
    abort.abort();
    expect(text).toContain(`"port":${port}`);
    expect(text).toMatch(/^id: \d+-\d+$/m);
  });
});
