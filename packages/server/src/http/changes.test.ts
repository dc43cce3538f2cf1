import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerFrame } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type RunningServer, startServer } from '../main.ts';

const token = `ptn_${'c'.repeat(43)}`;
const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };

let directory: string;
let server: RunningServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-changes-'));
  const store = { kind: 'sqlite', path: join(directory, 'fleet.db') } as const;
  server = await startServer({ port: 0, token, logger: pino({ level: 'silent' }), store });
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

async function subscribers(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^portolan_subscribers (\d+)/m.exec(text)?.[1]);
}

test('a HEAD is told what a GET would be, and subscribes nobody', async () => {
  for (let i = 1; i <= 20; i++) {
    const answer = await fetch(`${server.url}/v1/changes?ports=1-${i}`, { method: 'HEAD', headers });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
  }
  expect(await subscribers()).toBe(0);
});

test('how the coordinator does is said to those who ask for it, and to nobody else', async () => {
  const firstOf = async (query: string) => {
    const ended = new AbortController();
    const { body } = await fetch(`${server.url}/v1/changes?topics=range${query}`, { headers, signal: ended.signal });
    let text = '';
    for await (const chunk of body!.pipeThrough(new TextDecoderStream()))
      if ((text += chunk).includes('"synced"')) break;
    ended.abort();
    return Array.from(text.matchAll(/^data: (.*)$/gm), ([, data]) => JSON.parse(data!) as ServerFrame);
  };
  const [first, ...rest] = await firstOf('&readiness=true');
  expect(first).toMatchObject({
    type: 'readiness',
    readiness: { store: { reachable: true }, coordinators: [{ state: 'alive' }] },
  });
  expect(rest.map(({ type }) => type)).toEqual(['snapshot', 'synced']);
  expect((await firstOf('')).map(({ type }) => type)).toEqual(['snapshot', 'synced']);
});

test('streams end with their connection, also those whose turn on it never came', async () => {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const lines = Object.entries({ host: `${hostname}:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}`);
  for (let i = 1; i <= 5; i++) socket.write(`GET /v1/changes?ports=1-${i} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  await vi.waitFor(async () => expect(await subscribers()).toBe(5), { timeout: 10_000 });
  socket.destroy();
  await vi.waitFor(async () => expect(await subscribers()).toBe(0), { timeout: 10_000 });
});
