import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allItems, connect, type PortolanClient } from '@portolan/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startOwnCoordinator } from '../support/own-coordinator.ts';
import { ToldHost, toldListener } from '../support/told-host.ts';

const token = 'ptn_of_the_start_that_is_long_enough';
const HOSTS = 20;
const LISTENERS = 1_000;
/** Of one page, with what is around its items. */
const PAGE_MAX = 4.1 * 2 ** 20;

let directory: string;
let coordinator: Awaited<ReturnType<typeof startOwnCoordinator>>;
let client: PortolanClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-answers-'));
  coordinator = await startOwnCoordinator(directory, token);
  client = connect({ url: coordinator.url, token });
  // One service, a thousand times on each host: half of it on one port, and half on as many ports.
  for (let h = 0; h < HOSTS; h++) {
    const listeners = Array.from({ length: LISTENERS }, (_, n) =>
      toldListener('infra/exporter', n % 2 ? 9100 : 10_000 + n, { socket: `${n}` }),
    );
    await new ToldHost(client, `host-${h}`, { name: `quay-${h}` }).begin(listeners);
  }
});
afterAll(async () => {
  await coordinator?.stop();
  await rm(directory, { recursive: true });
});

test('whatever is listed, however many are asked for, one answer is bounded', async () => {
  const document = (await (await fetch(`${coordinator.url}/v1/openapi.json`)).json()) as {
    paths: Record<string, { get?: unknown }>;
  };
  const values: Record<string, string> = {
    project: 'infra',
    service: 'exporter',
    port: '9100',
    protocol: 'tcp',
    id: 'host-1',
  };
  const routes = Object.keys(document.paths).filter((path) => document.paths[path]!.get && !path.endsWith('/stream'));
  expect(routes.length).toBeGreaterThan(25);
  for (const route of routes) {
    const path = route.replaceAll(/\{(\w+)\}/g, (_, name) => values[name] ?? 'x');
    // These two are streams: made as they are read, and of any length.
    if (/sheet$|prometheus$/.test(route)) continue;
    const { status, bytes } = await ask(`${path}?limit=10000`);
    const { bytes: unlimited } = status === 400 ? await ask(path) : { bytes };
    expect([route, Math.max(bytes, unlimited) < PAGE_MAX]).toEqual([route, true]);
  }
});

test('a service and a port show some of many, and say how many there are', async () => {
  const service = await client.service('infra', 'exporter');
  expect(service).toMatchObject({ listenerCount: HOSTS * LISTENERS, hostCount: HOSTS });
  expect(service.listeners).toHaveLength(100);
  // A hundred different ports say more than one port a hundred times.
  expect(new Set(service.listeners.map(({ port }) => port)).size).toBe(100);
  const report = await client.port(9100);
  expect(report.listenerCount).toBe((HOSTS * LISTENERS) / 2);
  expect(report.listeners).toHaveLength(100);
  expect((await ask('/v1/services?limit=10000')).bytes).toBeLessThan(100_000);
  expect((await ask('/v1/ports/9100')).bytes).toBeLessThan(100_000);
});

test('page after page nothing is missing, though a page may end before its limit', async () => {
  const listeners = await allItems((query) => client.listeners(query), { limit: 10_000 });
  const keys = listeners.map(({ host, address, port, socket }) => `${host} ${address} ${port} ${socket}`);
  expect(new Set(keys).size).toBe(HOSTS * LISTENERS);
  expect(keys).toHaveLength(HOSTS * LISTENERS);
  const onPort = await allItems((query) => client.listeners({ ...query, port: 9100 }), { limit: 10_000 });
  expect(onPort).toHaveLength((HOSTS * LISTENERS) / 2);
});

test('a tool of MCP answers with what a model can read', async () => {
  for (const [name, args] of [
    ['list_ports', { limit: 500 }],
    ['who_uses_port', { port: 9100 }],
    ['list_findings', { limit: 500 }],
    ['check_project', { projectName: 'infra' }],
  ] as const) {
    const { text, bytes } = await ask('/mcp', {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name, arguments: args },
    });
    expect([name, bytes < 600_000, text.includes('"isError":true')]).toEqual([name, true, false]);
  }
});

async function ask(path: string, body?: object): Promise<{ status: number; bytes: number; text: string }> {
  const response = await fetch(coordinator.url + path, {
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: body ? 'application/json, text/event-stream' : 'application/json',
    },
  });
  const text = await response.text();
  return { status: response.status, bytes: Buffer.byteLength(text), text };
}
