import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Problem, TokenMade } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, startServer } from '../main.ts';

const token = `ptn_${'s'.repeat(43)}`;

let directory: string;
let server: RunningServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-position-'));
  const store = { kind: 'sqlite', path: join(directory, 'fleet.db') } as const;
  server = await startServer({ port: 0, token, logger: pino({ level: 'silent' }), store });
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

async function call<T>(token: string, method: string, path: string, body?: object) {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

test('a position that the store has not reached is refused at once: nobody makes the coordinator wait for nothing', async () => {
  const made = await call<TokenMade>(token, 'POST', '/v1/tokens', { role: 'viewer', name: 'patient' });
  const began = performance.now();
  const asked = Array.from({ length: 100 }, () =>
    call<Problem>(made.body.token, 'GET', '/v1/hosts?position=999999999-12345'),
  );
  for (const { status, body } of await Promise.all(asked)) {
    expect({ status, code: body.code }).toEqual({ status: 503, code: 'durability-unknown' });
  }
  const took = performance.now() - began;
  console.log(`100 reads at a position that is none: refused within ${took.toFixed()} ms`);
});

test('a position that was answered can be read at once', async () => {
  const request = { project: 'shop', service: 'cart' };
  const { position } = (await call<{ position: string }>(token, 'POST', '/v1/assignments', request)).body;
  expect(await call(token, 'GET', `/v1/assignments?position=${position}`)).toMatchObject({
    status: 200,
    body: { items: [{ endpoint: { service: 'cart' } }] },
  });
});
