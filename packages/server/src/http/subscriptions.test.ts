import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TokenMade } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type RunningServer, startServer } from '../main.ts';

const token = `ptn_${'s'.repeat(43)}`;

let directory: string;
let server: RunningServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-subscriptions-'));
  const store = { kind: 'sqlite', path: join(directory, 'fleet.db') } as const;
  server = await startServer({ port: 0, token, logger: pino({ level: 'silent' }), store, limits: { requests: 1 } });
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

/** @returns the code that it ends with */
async function subscribe(token: string, times: number): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/stream`, { headers });
  await once(socket, 'open');
  const closed = once(socket, 'close');
  for (let i = 0; i < times; i++) {
    const filter = { ports: { from: 1 + i, to: 60_000 } };
    socket.send(JSON.stringify({ type: 'subscribe', topics: ['listener'], filter }));
  }
  socket.send('the end');
  return (await closed)[0];
}

test('each subscription is a request of its token, so that a stream costs no more than asking does', async () => {
  const response = await fetch(`${server.url}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ role: 'viewer', name: 'greedy' }),
  });
  const viewer = (await response.json()) as TokenMade;
  expect(await subscribe(viewer.token, 2)).toBe(4500);
  expect(await subscribe(viewer.token, 40)).toBe(4429);
  expect(await subscribe(token, 40)).toBe(4500);
});
