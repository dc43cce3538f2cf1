import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Finding,
  type HostListener,
  listenerFingerprint,
  SetDigest,
  SheetHead,
  SheetPart,
  sheetColumns,
} from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RunningServer, startServer } from '../main.ts';

const token = 'ptn_of_the_dashboard';
const patient = { timeout: 60_000, interval: 20 };

let directory: string;
let server: RunningServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-dashboard-'));
  mkdirSync(join(directory, 'page/assets'), { recursive: true });
  writeFileSync(join(directory, 'page/index.html'), '<!doctype html>the page');
  writeFileSync(join(directory, 'page/reference.html'), '<!doctype html>the reference');
  writeFileSync(join(directory, 'page/assets/main-abc.js'), 'run();'.repeat(1000));
  server = await startServer({
    port: 0,
    token,
    dashboard: pathToFileURL(join(directory, 'page/')),
    logger: pino({ level: 'silent' }),
    store: { kind: 'sqlite', path: join(directory, 'fleet.db') },
  });
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

function call(method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function tell(listeners: readonly HostListener[]): Promise<void> {
  const digest = new SetDigest();
  for (const each of listeners) digest.toggle(listenerFingerprint(each));
  await call('PUT', '/v1/hosts/a', {
    name: 'a',
    addresses: [],
    platform: 'linux',
    agentVersion: '1',
    ephemeral: null,
    blindSpots: [],
  });
  const puts = listeners.map(({ host: _, ...listener }) => listener);
  const report = { seq: 1, previous: null, puts, deletes: [], digest: digest.toString() };
  expect((await call('POST', '/v1/hosts/a/report', report)).status).toBe(200);
}

function listener(service: string | null, port: number, socket: string): HostListener {
  return {
    host: 'a',
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket,
    process: null,
    container: null,
    identity:
      service === null
        ? null
        : { service, label: null, instance: null, evidence: { kind: 'systemd', detail: 'x.service' } },
    since: '2026-11-21T08:00:00.000Z',
  };
}

describe('the page', () => {
  test('is answered at each of its paths without a token, under a policy that lets in nothing from elsewhere', async () => {
    for (const path of ['/', '/findings', '/findings/collision%3Atcp%3A3050', '/ports/3050', '/services/a/b']) {
      const response = await fetch(server.url + path);
      expect(response.status, path).toBe(200);
      expect(await response.text()).toBe('<!doctype html>the page');
      const policy = response.headers.get('content-security-policy');
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).not.toContain('unsafe');
      expect(response.headers.get('cache-control')).toBe('no-cache');
    }
  });

  test('has the reference of the interface beside it, under the same policy and without a token', async () => {
    const response = await fetch(`${server.url}/reference`);
    expect([response.status, await response.text()]).toEqual([200, '<!doctype html>the reference']);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  test('tells a browser that there is nothing at an address, and a program as a program is told', async () => {
    const asked = (path: string, accept: string) => fetch(server.url + path, { headers: { accept } });
    const html = 'text/html,application/xhtml+xml,*/*;q=0.8';
    for (const path of ['/nope', '/mcp', '/nope/deep']) {
      const lost = await asked(path, html);
      expect([lost.status, lost.headers.get('content-type')], path).toEqual([404, 'text/html; charset=utf-8']);
      expect(await lost.text()).toBe('<!doctype html>the page');
      expect(lost.headers.get('content-security-policy')).toContain("default-src 'none'");
    }
    for (const [path, accept] of [
      ['/nope', '*/*'],
      ['/v1/nope', html],
      ['/v1/hosts', html],
    ] as const) {
      const { status, headers } = await asked(path, accept);
      expect([status, headers.get('content-type')], path).toEqual([401, 'application/problem+json']);
    }
    const posted = await fetch(`${server.url}/nope`, { method: 'POST', headers: { accept: html } });
    expect(posted.status).toBe(401);
    expect((await asked('/livez', html)).status).toBe(200);
  });

  test('is not sent again to who has it, and its assets may be kept for ever', async () => {
    const first = await fetch(`${server.url}/`);
    const etag = first.headers.get('etag')!;
    expect((await fetch(`${server.url}/`, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const asset = await fetch(`${server.url}/assets/main-abc.js`, { headers: { 'accept-encoding': 'br' } });
    expect(asset.headers.get('cache-control')).toContain('immutable');
    expect(asset.headers.get('content-encoding')).toBe('br');
    expect(asset.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(await asset.text()).toBe('run();'.repeat(1000));
  });

  test('has no files but its own, and opens nothing else of the coordinator', async () => {
    for (const path of ['/assets/gone.js', '/assets/..%2f..%2ffleet.db', '/assets/%2e%2e/%2e%2e/fleet.db']) {
      expect((await fetch(server.url + path)).status, path).not.toBe(200);
    }
    for (const path of ['/v1/hosts', '/v1/listeners/sheet', '/v1/logins', '/elsewhere']) {
      expect((await fetch(server.url + path)).status, path).toBe(401);
    }
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  });
});

test('a sheet has every listener, in columns, at a position that the stream goes on from', async () => {
  const told = [listener('shop/cart', 3000, '1'), listener('shop/cart', 3001, '2'), listener(null, 3000, '3')];
  await tell(told);
  const response = await call('GET', '/v1/listeners/sheet');
  expect(response.headers.get('content-encoding')).toBe('gzip');
  const [head, ...parts] = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(SheetHead.parse(head)).toMatchObject({ listeners: 3, position: expect.stringMatching(/^\d+-\d+$/) });
  const strings: string[] = [];
  const rows = parts.flatMap((value) => {
    const part = SheetPart.parse(value);
    strings.push(...part.strings);
    const width = sheetColumns.length;
    return part.sockets.map((socket, i) => {
      const cells = part.cells.slice(i * width, (i + 1) * width);
      const of = (column: (typeof sheetColumns)[number]) => cells[sheetColumns.indexOf(column)]!;
      return {
        socket,
        host: strings[of('host')],
        port: of('port'),
        service: strings[of('service')] ?? null,
        since: of('since'),
      };
    });
  });
  expect(rows.sort((a, b) => a.socket.localeCompare(b.socket))).toEqual(
    told.map(({ socket, host, port, identity, since }) => ({
      socket,
      host,
      port,
      service: identity?.service ?? null,
      since: Date.parse(since) / 1000,
    })),
  );
});

describe('a finding', () => {
  const id = 'collision:tcp:4100';
  const find = async () => (await (await call('GET', `/v1/findings/${id}`)).json()) as Finding;
  beforeAll(async () => {
    await tell([listener('shop/cart', 4100, '1'), { ...listener('unknown/cart.js', 4100, '2'), address: '127.0.0.1' }]);
    await vi.waitFor(async () => expect((await find()).state).toBe('open'), patient);
  });

  test('is acknowledged and opened again, and says who did it', async () => {
    expect(await (await call('POST', `/v1/findings/${id}/acknowledge`)).json()).toMatchObject({
      state: 'acknowledged',
    });
    expect(await (await call('POST', `/v1/findings/${id}/reopen`)).json()).toMatchObject({ state: 'open' });
    const { items } = (await (await call('GET', `/v1/findings/history?finding=${id}`)).json()) as { items: object[] };
    expect(items).toMatchObject([
      { change: 'reopened', by: 'bootstrap' },
      { change: 'acknowledged', by: 'bootstrap' },
      { change: 'opened', by: null },
    ]);
  });

  test('keeps its note when the rules look again, and until it is taken away', async () => {
    const note = { text: 'moves on Monday', assignee: 'ada' };
    expect((await call('PUT', `/v1/findings/${id}/note`, note)).status).toBe(200);
    await call('POST', '/v1/blocks', { from: 4100, to: 4100, protocol: null, reason: 'to have it judged' });
    await vi.waitFor(
      async () => expect((await call('GET', '/v1/findings/blocked-port:tcp:4100')).status).toBe(200),
      patient,
    );
    expect((await find()).note).toMatchObject({ ...note, by: 'bootstrap' });
    await call('DELETE', '/v1/blocks/4100');
    expect((await call('DELETE', `/v1/findings/${id}/note`)).status).toBe(200);
    expect(await find()).not.toHaveProperty('note');
    expect((await call('PUT', `/v1/findings/${id}/note`, { text: 'x'.repeat(3000) })).status).toBe(400);
    expect((await call('PUT', '/v1/findings/none/note', note)).status).toBe(404);
  });

  test('of two that somebody says are one service is resolved, and comes back when that is taken back', async () => {
    expect((await call('PUT', '/v1/aliases/unknown/cart.js', { of: 'shop/cart' })).status).toBe(200);
    await vi.waitFor(async () => expect((await find()).state).toBe('resolved'), patient);
    expect((await call('PUT', '/v1/aliases/shop/cart', { of: 'unknown/cart.js' })).status).toBe(400);
    expect((await call('PUT', '/v1/aliases/shop/cart', { of: 'shop/cart' })).status).toBe(400);
    expect(await (await call('GET', '/v1/aliases')).json()).toMatchObject({
      items: [{ service: 'unknown/cart.js', of: 'shop/cart', by: 'bootstrap' }],
    });
    await call('POST', '/v1/assignments', { project: 'shop', service: 'cart', port: 4100 });
    expect(await (await call('GET', '/v1/assignments/tcp/4100')).json()).toMatchObject({ state: 'bound' });
    await call('DELETE', '/v1/assignments/tcp/4100');
    expect((await call('DELETE', '/v1/aliases/unknown/cart.js')).status).toBe(200);
    await vi.waitFor(async () => expect((await find()).state).toBe('open'), patient);
  });
});
