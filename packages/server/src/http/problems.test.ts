import { once } from 'node:events';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '@portolan/model';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startRedis } from '../../../../test/support/redis.ts';
import { type RunningServer, type ServerOptions, startServer } from '../main.ts';

const token = 'ptn_test';
const logger = pino({ level: 'silent' });
const patient = { timeout: 60_000, interval: 20 };
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const cleanup: (() => unknown)[] = [];

afterEach(async () => {
  for (const each of cleanup.splice(0).reverse()) await each();
});

async function start(store: ServerOptions['store'] = { kind: 'sqlite', path: ':memory:' }): Promise<RunningServer> {
  const server = await startServer({ port: 0, token, logger, store });
  cleanup.push(() => server.stop());
  return server;
}

async function reserve({ url }: RunningServer, service: string, more = {}): Promise<Problem> {
  const body = JSON.stringify({ project: 'shop', service });
  const response = await fetch(`${url}/v1/assignments`, { method: 'POST', headers: { ...headers, ...more }, body });
  return (await response.json()) as Problem;
}

describe('a request that says how long its sender waits', () => {
  test('is not begun after that, and its answer says that nothing was done', async () => {
    const server = await start();
    const asked = request(`${server.url}/v1/assignments`, {
      method: 'POST',
      headers: { ...headers, 'portolan-timeout': '20', expect: '100-continue' },
    });
    asked.flushHeaders();
    await once(asked, 'continue');
    await sleep(25);
    asked.end(JSON.stringify({ project: 'shop', service: 'late' }));
    const [answer] = await once(asked, 'response');
    expect(await json(answer)).toMatchObject({ status: 408, code: 'abandoned', timeout: 20, mayHaveBeenDone: false });
    const list = await fetch(`${server.url}/v1/assignments?consistent=true`, { headers });
    expect(await list.json()).toMatchObject({ items: [] });
  });

  test.each(['soon', '0', '-5', '1.5', '86400001', '10, 20'])('is refused when that is "%s"', async (timeout) => {
    const problem = await reserve(await start(), 'x', { 'portolan-timeout': timeout });
    expect(problem).toMatchObject({ status: 400, code: 'invalid-request' });
    expect(problem.detail).toMatch(/^portolan-timeout must /);
  });
});

test('whether it may have been done follows from what was sent to the store, not from the code', async () => {
  const redis = await startRedis();
  cleanup.push(() => redis.stop());
  const replica = await startRedis();
  cleanup.push(() => replica.stop());
  const client = new Redis(replica.url);
  cleanup.push(() => client.disconnect());
  await client.replicaof('127.0.0.1', redis.port);
  await vi.waitFor(async () => expect(await client.info('replication')).toContain('master_link_status:up'), patient);

  const store = { kind: 'redis', url: redis.url, acknowledgement: 'replicas:1' } as const;
  const server = await start(store);
  await reserve(server, 'confirmed');
  await client.replicaof('NO', 'ONE');
  expect(await reserve(server, 'sent')).toMatchObject({ code: 'durability-unknown', mayHaveBeenDone: true });
  // This one first proves that its copy is fresh, and cannot.
  const fresh = await start(store);
  expect(await reserve(fresh, 'not-sent')).toMatchObject({ code: 'not-ready', mayHaveBeenDone: false });
});

test('a refusal does not speak of it', async () => {
  const server = await start();
  const problem = await (await fetch(`${server.url}/v1/hosts/nobody`, { headers })).json();
  expect(problem).toMatchObject({ status: 404 });
  expect(problem).not.toHaveProperty('mayHaveBeenDone');
});
