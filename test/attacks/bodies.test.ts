import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startOwnCoordinator } from '../support/own-coordinator.ts';

const token = 'ptn_of_the_start_that_is_long_enough';
const MiB = 2 ** 20;
/** Bytes of any answer to bad input. */
const ANSWER_MAX = 4096;

let directory: string;
let coordinator: Awaited<ReturnType<typeof startOwnCoordinator>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-bodies-'));
  coordinator = await startOwnCoordinator(directory, token);
  await ask('PUT', '/v1/hosts/one', { name: 'one', addresses: [], platform: 'linux', agentVersion: '1' });
});
afterAll(async () => {
  await coordinator?.stop();
  await rm(directory, { recursive: true });
});

test('300,000 unknown keys are refused in a few words, and hold up nobody', async () => {
  const keys = Array.from({ length: 300_000 }, (_, i) => `"k${i}":1`).join();
  const { status, bytes } = await ask('POST', '/v1/hosts/one/report', `{${keys}}`);
  expect([status, bytes < ANSWER_MAX]).toEqual([400, true]);
});

test('whatever is wrong with a body, the answer is small', async () => {
  const listener = { protocol: 'tcp', ['x'.repeat(1_000)]: 1, ...Object.fromEntries(keys(60)) };
  const bodies: [string, unknown][] = [
    ['/v1/hosts/one/report', { seq: 1, previous: null, deletes: [], digest: '', puts: Array(1_500).fill(listener) }],
    ['/v1/assignments', { project: '\u0001'.repeat(60_000), service: 1 }],
    ['/v1/assignments', Object.fromEntries(keys(900))],
    ['/v1/leases/renew', { leases: Array(1_000).fill({ id: 3 }) }],
    ['/mcp', '['.repeat(1_000)],
    ['/v1/logins/redeem', Object.fromEntries(keys(900))],
  ];
  for (const [path, body] of bodies) {
    const { status, bytes } = await ask('POST', path, body);
    expect([path, status >= 400, bytes < ANSWER_MAX]).toEqual([path, true, true]);
  }
  const { bytes: told } = await ask('POST', '/mcp', {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'allocate_port', arguments: Object.fromEntries(keys(900)) },
  });
  expect(told).toBeLessThan(ANSWER_MAX);
  const { bytes } = await ask('GET', `/v1/${'%01'.repeat(4_000)}`);
  expect(bytes).toBeLessThan(ANSWER_MAX);
});

test('JSON that is nested deep is refused before it is parsed, wherever it comes', async () => {
  const deep = (depth: number) => `{"puts":${'['.repeat(depth)}`;
  for (const [path, depth] of [
    ['/v1/hosts/one/report', 2_000_000],
    ['/v1/plans/shop', 1_000_000],
    ['/v1/assignments', 30_000],
    ['/v1/logins/redeem', 30_000],
    ['/mcp', 30_000],
  ] as const) {
    const { status, text } = await ask(path.includes('plans') ? 'PUT' : 'POST', path, deep(depth));
    expect([path, status, text.includes('nested')]).toEqual([path, 400, true]);
  }
  expect(await closed(deep(30_000))).toMatchObject({ code: 4500, reason: expect.stringContaining('nested') });
  expect(await closed(JSON.stringify({ type: 'auth', ['\u{1f600}'.repeat(200)]: 1 }))).toMatchObject({ code: 4500 });
});

test('twelve large reports of one host at once neither stall the coordinator nor fill its memory', async () => {
  const before = resident();
  const body = `{"puts":${'['.repeat(1.9 * MiB)}${']'.repeat(1.9 * MiB)}}`;
  const watch = watchedLiveness();
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask('POST', '/v1/hosts/one/report', body)));
  const { worst, most } = await watch.end();
  for (const { status } of answers) expect([400, 429]).toContain(status);
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
  expect(worst).toBeLessThan(1_500);
  expect(most - before).toBeLessThan(300 * MiB);
});

function keys(count: number): [string, number][] {
  return Array.from({ length: count }, (_, i) => [`key-${i}-${'\u{1f600}'.repeat(3)}`, i]);
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; bytes: number; text: string }> {
  const response = await fetch(coordinator.url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, bytes: Buffer.byteLength(text), text };
}

/** @returns why the coordinator closed a stream that sent this frame */
function closed(frame: string): Promise<{ code: number; reason: string }> {
  const socket = new WebSocket(`${coordinator.url.replace('http', 'ws')}/v1/stream`, {
    headers: { authorization: `Bearer ${token}` },
  });
  socket.on('open', () => socket.send(frame));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code, reason) => resolve({ code, reason: `${reason}` }));
  });
}

/** Bytes of the coordinator's memory. */
function resident(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${coordinator.pid}/status`, 'utf8'))![1]) * 1024;
}

/** Asks whether the coordinator lives again and again, and notes the longest wait (ms) and the most memory (bytes). */
function watchedLiveness(): { end(): Promise<{ worst: number; most: number }> } {
  let over = false;
  let worst = 0;
  let most = 0;
  const watching = (async () => {
    while (!over) {
      const asked = performance.now();
      await (await fetch(`${coordinator.url}/livez`)).text();
      worst = Math.max(worst, performance.now() - asked);
      most = Math.max(most, resident());
    }
  })();
  return {
    async end() {
      over = true;
      await watching;
      return { worst, most };
    },
  };
}
