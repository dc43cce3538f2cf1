import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import type { AuditEvent, Login, Page } from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type RunningServer, type ServerOptions, startServer } from '../main.ts';

const token = `ptn_${'s'.repeat(43)}`;
const authorization = `Bearer ${token}`;

let directory: string;
let server: RunningServer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-strangers-'));
  mkdirSync(join(directory, 'page/assets'), { recursive: true });
  writeFileSync(join(directory, 'page/index.html'), '<!doctype html>the page');
  writeFileSync(join(directory, 'page/assets/main-abc.js'), 'run();');
});
afterEach(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

async function start(over: Partial<ServerOptions> = {}): Promise<void> {
  server = await startServer({
    port: 0,
    token,
    dashboard: pathToFileURL(join(directory, 'page/')),
    logger: pino({ level: 'silent' }),
    // Few, so that a slow machine is too fast, too.
    limits: { strangers: 1 },
    store: { kind: 'sqlite', path: join(directory, 'fleet.db') },
    ...over,
  });
}

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Which of the machine's own addresses asks. */
  readonly from?: string;
}

async function ask(path: string, { method = 'GET', headers = {}, body, from }: Asked = {}) {
  const asking = request(server.url + path, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(from !== undefined && { localAddress: from }),
  });
  asking.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, body: await text(answer) };
}

/** @returns how many of so many requests were held up */
async function flood(path: string, count: number, asked: (n: number) => Asked): Promise<number> {
  let held = 0;
  for (let n = 0; n < count; n++) if ((await ask(path, asked(n))).status === 429) held++;
  return held;
}

async function code(): Promise<string> {
  const { body } = await ask('/v1/logins', { method: 'POST', headers: { authorization } });
  return (JSON.parse(body) as Login).code;
}

const redeem = (code: string, from?: string) =>
  ask('/v1/logins/redeem', { method: 'POST', body: { code }, ...(from !== undefined && { from }) });

async function entersStream(headers: Record<string, string>, first?: object): Promise<string> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/stream`, { headers });
  await once(socket, 'open');
  if (first) socket.send(JSON.stringify(first));
  socket.send(JSON.stringify({ type: 'subscribe', topics: ['host'] }));
  const [message] = (await once(socket, 'message')) as [Buffer];
  socket.terminate();
  return (JSON.parse(message.toString()) as { type: string }).type;
}

/** Each request from another of the loopback addresses. */
const everywhere = (n: number) => `127.0.${1 + (n % 20)}.${1 + (n % 200)}`;

describe('junk without a token', () => {
  test('is held up though it comes from all loopback addresses, and holds up nobody else there', async () => {
    await start();
    const held = await flood('/v1/hosts', 40, (n) => ({ from: everywhere(n) }));
    expect(held).toBeGreaterThan(10);

    for (const path of ['/', '/findings', '/assets/main-abc.js', '/livez', '/readyz', '/metrics', '/v1/openapi.json']) {
      expect((await ask(path)).status, path).toBe(200);
    }
    expect((await ask('/v1/hosts', { headers: { authorization } })).status).toBe(200);
    expect((await redeem(await code())).status).toBe(201);
    expect(await entersStream({ authorization })).not.toBe('error');
    expect(await entersStream({}, { type: 'auth', token })).not.toBe('error');
  });

  test('for one open route holds up no other, nor who has a token there', async () => {
    await start();
    expect(await flood('/v1/openapi.json', 40, () => ({}))).toBeGreaterThan(10);
    expect((await ask('/metrics')).status).toBe(200);
    expect((await ask('/v1/openapi.json', { headers: { authorization } })).status).toBe(200);
  });

  test('for the page holds nobody out of the page', async () => {
    await start();
    expect(await flood('/', 40, () => ({}))).toBe(0);
  });
});

test('who guesses codes is held up, and whoever has a good one is not', async () => {
  await start();
  const good = await code();
  const guess = { method: 'POST', body: { code: 'x'.repeat(32) } };
  expect(await flood('/v1/logins/redeem', 40, (n) => ({ ...guess, from: everywhere(n) }))).toBeGreaterThan(10);
  expect((await redeem(good)).status).toBe(201);
});

describe('behind a proxy', () => {
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const block = (headers: Record<string, string>, at?: string) =>
    ask('/v1/blocks', {
      method: 'POST',
      headers: { authorization, ...headers },
      body: { from: 4000, to: 4000, protocol: null, reason: 'a test' },
      ...(at !== undefined && { from: at }),
    });
  const lastAddress = async () => {
    const { body } = await ask('/v1/audit?action=block&limit=1', { headers: { authorization } });
    return (JSON.parse(body) as Page<AuditEvent>).items[0]?.address;
  };

  test('that is trusted, the address is that of its client: in the trail, by MCP too, and for the limits', async () => {
    await start({ trustedProxies: ['127.0.0.1'] });
    expect((await block(from('198.51.100.4'))).status).toBe(200);
    expect(await lastAddress()).toBe('198.51.100.4');

    const call = {
      method: 'tools/call',
      params: { name: 'allocate_port', arguments: { projectName: 'shop', serviceName: 'cart' } },
    };
    const headers = { authorization, accept: 'application/json, text/event-stream', ...from('198.51.100.5') };
    await ask('/mcp', { method: 'POST', headers, body: { jsonrpc: '2.0', id: 1, ...call } });
    const { body } = await ask('/v1/audit?action=reserve&limit=1', { headers: { authorization } });
    expect(JSON.parse(body)).toMatchObject({ items: [{ address: '198.51.100.5' }] });

    const junk = await flood('/v1/hosts', 40, (n) => ({ headers: from(`2001:db8::${n.toString(16)}`) }));
    expect(junk).toBeGreaterThan(10);
    expect((await ask('/v1/hosts', { headers: from('2001:db8:0:1::1') })).status).toBe(401);
    expect((await ask('/v1/hosts')).status).toBe(401);
  });

  test('what anybody else says of its address is passed over, and so is what cannot be read', async () => {
    await start({ trustedProxies: ['127.0.0.1'] });
    await block(from('198.51.100.4'), '127.0.0.2');
    expect(await lastAddress()).toBe('127.0.0.2');
    await block(from('somewhere'));
    expect(await lastAddress()).toBe('127.0.0.1');
  });

  test('that nobody trusts, the address is the proxy’s', async () => {
    await start();
    await block(from('198.51.100.4'));
    expect(await lastAddress()).toBe('127.0.0.1');
  });
});
