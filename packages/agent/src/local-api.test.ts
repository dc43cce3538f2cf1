import { hash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Assignment,
  formatToken,
  key,
  PortolanError,
  type ProvisionalRequest,
  type ProvisionalResponse,
  packEntry,
  REGISTRY_SHEET,
  type Role,
} from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { FleetCopy } from './fleet-copy.ts';
import { type LocalApi, startLocalApi } from './local-api.ts';
import { ProvisionalBook } from './provisional-book.ts';

const patient = { timeout: 60_000, interval: 20 };
const OWN = 'ptn_of_the_agent';
const logger = pino({ level: 'silent' });
const tokens = {
  admin: formatToken('adminadminad', 'a'.repeat(43)),
  client: formatToken('clientclient', 'b'.repeat(43)),
  viewer: formatToken('viewerviewer', 'c'.repeat(43)),
  expired: formatToken('expiredexpir', 'd'.repeat(43)),
};

let directory: string;
/** Whether a coordinator answers. */
let attended: boolean;
let copy: FleetCopy;
let book: ProvisionalBook;
let api: LocalApi;
let told: readonly Assignment[];
let settle: (request: ProvisionalRequest) => Promise<ProvisionalResponse>;

beforeEach(async () => {
  attended = false;
  directory = await mkdtemp(join(tmpdir(), 'portolan-local-'));
  copy = new FleetCopy({ now: Date.now, found: () => {} });
  settle = async () => {
    throw new PortolanError('unreachable', 'nobody is there');
  };
  book = openBook();
  api = await startLocalApi({
    port: 0,
    host: 'h1',
    token: OWN,
    copy,
    members: () => [],
    leftOut: () => ['h9'],
    promise: (wanted, token) => book.give(wanted, token),
    logger,
  });
  for (const [name, token] of Object.entries(tokens)) know(name, token);
});
afterEach(async () => {
  await api.stop();
  await rm(directory, { recursive: true });
});

test('answers whoever the registry knows, and who has the token of the agent', async () => {
  for (const token of [tokens.admin, tokens.client, tokens.viewer, OWN]) {
    expect((await ask('/v1/hosts', { token })).status).toBe(200);
  }
  for (const token of ['another', tokens.expired, formatToken('adminadminad', 'x'.repeat(43))]) {
    expect(await ask('/v1/hosts', { token })).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  }
  expect((await ask('/v1/hosts', { token: null })).status).toBe(401);
});

test('tells no secret of whom it knows', async () => {
  const { body } = await ask('/v1/tokens/self', { token: tokens.client });
  expect(body).toEqual({
    id: 'clientclient',
    name: 'client',
    role: 'client',
    projects: ['shop'],
    host: null,
    expiresAt: null,
  });
});

test('answers to names of this machine alone, and to no page', async () => {
  expect((await ask('/v1/hosts', { host: 'ports.example.net' })).status).toBe(421);
  expect((await ask('/v1/hosts', { host: 'localhost:7677' })).status).toBe(200);
  expect((await ask('/v1/hosts', { origin: 'http://127.0.0.1:7677' })).status).toBe(403);
});

test('what it does not do it says, and what is not written right it refuses', async () => {
  expect(await ask('/v1/plans')).toMatchObject({ status: 404, body: { code: 'not-found' } });
  expect(await ask('/v1/ports/70000')).toMatchObject({ status: 400, body: { code: 'invalid-request' } });
  expect(await ask('/v1/listeners?limit=0')).toMatchObject({ status: 400 });
  const long = { project: 'shop', service: 'x'.repeat(100_000) };
  expect(await ask('/v1/assignments', { body: long })).toMatchObject({ status: 413, body: { code: 'too-large' } });
  expect(await ask('/v1/assignments', { body: { project: 'shop' } })).toMatchObject({ status: 400 });
});

test('every answer says how old it is, and what is left out', async () => {
  const { body } = await ask('/v1/listeners');
  expect(body).toMatchObject({ items: [], next: null, source: { agent: 'h1', leftOut: ['h9'], attended: false } });
});

test('a provisional lease is for who may hold ports of the project', async () => {
  const wanted = { project: 'shop', service: 'cart' };
  expect((await ask('/v1/assignments', { token: tokens.viewer, body: wanted })).status).toBe(403);
  expect((await ask('/v1/assignments', { token: OWN, body: wanted })).status).toBe(403);
  expect((await ask('/v1/assignments', { token: tokens.client, body: { ...wanted, project: 'x' } })).status).toBe(403);
  const { status, body } = await ask('/v1/assignments', { token: tokens.client, body: { ...wanted, ttl: 60 } });
  expect(status).toBe(201);
  expect(body).toMatchObject({ created: true, assignments: [{ provisional: 'h1', host: 'h1', lease: { ttl: 60 } }] });
  expect(told).toHaveLength(1);
});

test('it is the same when asked again, never a port that somebody has, and a block has no gap', async () => {
  const taken = assignment('mana', 'sync', 20_100);
  copy.take({
    owner: REGISTRY_SHEET,
    puts: new Map([[key.assignment('tcp', 20_100), packEntry(taken, '1.5')]]),
    deletes: [],
    gone: false,
  });
  const give = (body: object) => ask('/v1/assignments', { body });
  const exact = await give({ project: 'shop', service: 'cart', port: 20_100 });
  expect(exact).toMatchObject({
    status: 409,
    body: { code: 'port-taken', detail: expect.stringContaining('mana/sync') },
  });
  const next = await give({ project: 'shop', service: 'cart', preferred: 20_100 });
  expect(next.body).toMatchObject({ wasInUse: true, obstacle: { by: 'mana/sync' } });
  const again = await give({ project: 'shop', service: 'cart' });
  expect(again.body).toMatchObject({ port: next.body.port, created: false });
  const block = await give({ project: 'shop', service: 'web', labels: ['a', 'b', 'c'] });
  const { a, b, c } = block.body.ports as Record<string, number>;
  expect([b, c]).toEqual([a! + 1, a! + 2]);
  const known = await give({ project: 'mana', service: 'sync' });
  expect(known.body, 'what the registry promised stays').toMatchObject({ port: 20_100, created: false });
});

test('two that ask at once are not given one port', async () => {
  const wishes = Array.from({ length: 10 }, (_, i) => ({ project: 'shop', service: `s${i}`, preferred: 21_000 }));
  const given = await Promise.all(wishes.map((body) => ask('/v1/assignments', { body })));
  expect(new Set(given.map(({ body }) => body.port)).size).toBe(10);
});

test('it survives a restart, is settled once, and what was lost is let go, too', async () => {
  await ask('/v1/assignments', { body: { project: 'shop', service: 'a', port: 20_201 } });
  await ask('/v1/assignments', { body: { project: 'shop', service: 'b', port: 20_202 } });
  expect(await readdir(directory)).toContain('provisional.json');
  const again = openBook();
  expect(again.leases.map(({ port }) => port)).toEqual([20_201, 20_202]);

  const asked: number[][] = [];
  settle = async ({ assignments, tokens: shown }) => {
    expect(shown, 'with the rights of whoever asked').toEqual(assignments.map(() => tokens.admin));
    asked.push(assignments.map(({ port }) => port));
    const [first, second] = assignments;
    return { granted: [first!], lost: [{ assignment: second!, detail: 'somebody has it', finding: 'f' }] };
  };
  const stop = new AbortController();
  const running = again.run(stop.signal);
  await vi.waitFor(() => expect(again.leases).toEqual([]), patient);
  stop.abort();
  await running;
  expect(asked).toEqual([[20_201, 20_202]]);
  expect(told).toEqual([]);
  expect(await readdir(directory)).not.toContain('provisional.json');
});

test('while a coordinator answers there is no lease but a real one, whatever gossip says', async () => {
  attended = true;
  const refused = await ask('/v1/assignments', { body: { project: 'shop', service: 'a', port: 20_201 } });
  expect(refused).toMatchObject({ status: 409, body: { code: 'contention' } });
  expect(openBook().leases).toEqual([]);
  attended = false;
  expect(await ask('/v1/assignments', { body: { project: 'shop', service: 'a', port: 20_201 } })).toMatchObject({
    status: 201,
  });
});

test('a file of provisional leases that is damaged, or of another host, is none', async () => {
  await ask('/v1/assignments', { body: { project: 'shop', service: 'a', port: 20_201 } });
  const path = join(directory, 'provisional.json');
  const text = await readFile(path, 'utf8');

  for (const damaged of ['', '{', text.slice(0, -20), text.replaceAll('"h1"', '"h2"')]) {
    await writeFile(path, damaged);
    expect(openBook().leases).toEqual([]);
  }
});

function openBook(): ProvisionalBook {
  return new ProvisionalBook({
    host: 'h1',
    hostName: 'host-1',
    copy,
    stateDirectory: directory,
    tell: (assignments) => {
      told = assignments;
      const records = assignments.map((each): [string, string] => [
        `provisional/${each.protocol}/${each.port}`,
        JSON.stringify(each),
      ]);
      copy.take({ owner: 'h1', puts: new Map(records), deletes: [], gone: false });
    },
    isAttended: async () => attended,
    settle: (request) => settle(request),
    clock: { ...systemClock, wait: (ms, signal) => systemClock.wait(Math.min(ms, 20), signal) },
    random: () => 0.5,
    logger,
  });
}

function assignment(project: string, service: string, port: number): Assignment {
  const endpoint = { project, service, label: 'default', instance: 1 };
  return { protocol: 'tcp', port, endpoint, lease: null, grantedAt: '2026-11-21T11:00:00.000Z' };
}

function know(name: string, token: string): void {
  const id = token.slice(4, 16);
  const value = {
    id,
    name,
    role: (name === 'expired' ? 'admin' : name) as Role,
    projects: name === 'client' ? ['shop'] : null,
    host: null,
    createdAt: '2026-11-21T11:00:00.000Z',
    createdBy: 'bootstrap',
    expiresAt: name === 'expired' ? '2020-01-01T00:00:00.000Z' : null,
    digest: hash('sha256', token, 'base64url'),
  };
  copy.take({
    owner: REGISTRY_SHEET,
    puts: new Map([[key.token(id), packEntry(value, '1.2')]]),
    deletes: [],
    gone: false,
  });
}

interface Asking {
  token?: string | null;
  host?: string;
  origin?: string;
  body?: object;
}

/** By hand: `fetch` does not let a caller choose its Host header. */
function ask(path: string, { token = tokens.admin, host, origin, body }: Asking = {}) {
  return new Promise<{ status: number; body: Record<string, never> & { port: number; ports: object } }>(
    (resolve, reject) => {
      const asked = request(
        api.url + path,
        {
          method: body ? 'POST' : 'GET',
          headers: {
            ...(token !== null && { authorization: `Bearer ${token}` }),
            ...(host && { host }),
            ...(origin && { origin }),
            ...(body && { 'content-type': 'application/json' }),
          },
        },
        async (response) => {
          let text = '';
          for await (const chunk of response) text += chunk;
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
        },
      );
      asked.on('error', reject);
      asked.end(body && JSON.stringify(body));
    },
  );
}
