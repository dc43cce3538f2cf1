import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as dial, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeCodes, type Problem, type Reservation, type TokenMade } from '@portolan/model';
import { expect, onTestFinished, test, vi } from 'vitest';
import WebSocket from 'ws';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 100 };
const MIB = 1024 * 1024;

interface Tried {
  readonly token: string;
  readonly url: string;
  ask<T = Problem>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: T; headers: Headers }>;
  /** Resident memory of the coordinator, MiB. */
  memory(): number;
}

/** A coordinator that is asked by somebody else all the time: no question may go unanswered while the test lasts. */
async function tried(...args: string[]): Promise<Tried> {
  const bench = new Workbench();
  onTestFinished(() => bench.clear());
  const { token } = bench;
  const { url, program } = await bench.coordinator(args);
  const ask: Tried['ask'] = async <T>(method: string, path: string, body?: unknown, headers = {}) => {
    const answer = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      body: (text.startsWith('{') ? JSON.parse(text) : text) as T,
      headers: answer.headers,
    };
  };
  let over = false;
  let asked = 0;
  const others = (async () => {
    while (!over) {
      expect((await ask('POST', '/v1/assignments', { project: 'others', service: 'work' })).status).toBeLessThan(300);
      asked++;
      await sleep(50);
    }
  })();
  others.catch(() => {});
  onTestFinished(async () => {
    over = true;
    await others;
    expect(asked).toBeGreaterThan(0);
    expect(program.child.exitCode).toBeNull();
  });
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1]) / 1024;
  return { url, token, ask, memory };
}

const listener = (port: number) => ({
  protocol: 'tcp',
  address: '0.0.0.0',
  port,
  netns: 'host',
  v6only: null,
  socket: String(port),
  process: null,
  container: null,
  identity: null,
  since: '2026-11-21T08:00:00.000Z',
});
const host = { name: 'h', addresses: [], platform: 'linux', agentVersion: '1', ephemeral: null, blindSpots: [] };

test('input that makes no sense is refused with what is wrong with it, and nothing of it is done', async () => {
  const { ask, url, token: admin } = await tried();
  await ask('PUT', '/v1/hosts/h', host);
  const held = await ask<Reservation>('POST', '/v1/assignments', { project: 'a', service: 'held', ttl: 5 });
  const { port, lease, token } = held.body;
  const before = await ask<{ position: string }>('GET', '/v1/assignments?consistent=true');
  const reserve = (over: object) => ({ project: 'a', service: 'bad', ...over });
  const report = (puts: unknown[]) => ({ seq: 1, previous: null, puts, deletes: [], digest: '0'.repeat(16) });
  const many = Array.from({ length: 2_001 }, (_, i) => listener(i + 1));
  const attempts: [number, string, RegExp, string, string, unknown?, Record<string, string>?][] = [
    [400, 'invalid-request', /not valid JSON/, 'POST', '/v1/assignments', '{"project":'],
    [400, 'invalid-request', /content-type/, 'POST', '/v1/assignments', '{}', { 'content-type': 'text/plain' }],
    [400, 'invalid-request', /project is missing/, 'POST', '/v1/assignments', {}],
    [400, 'invalid-request', /1 to 65535/, 'POST', '/v1/assignments', reserve({ port: 0 })],
    [400, 'invalid-request', /1 to 65535/, 'POST', '/v1/assignments', reserve({ port: 65_536 })],
    [400, 'invalid-request', /\bport\b/, 'POST', '/v1/assignments', reserve({ port: 'abc' })],
    [400, 'invalid-request', /1 to 65535/, 'GET', '/v1/ports/0'],
    [400, 'invalid-request', /1 to 65535/, 'GET', '/v1/ports/65536'],
    [400, 'invalid-request', /^port must be/, 'GET', '/v1/ports/abc'],
    [400, 'invalid-request', /letters, digits/, 'POST', '/v1/assignments', { project: '../etc', service: 'x' }],
    [404, 'unknown-range', /nowhere/, 'POST', '/v1/assignments', reserve({ range: 'nowhere' })],
    [404, 'not-found', /nobody\/x/, 'GET', '/v1/services/nobody/x'],
    [404, 'not-found', /nobody\/x/, 'POST', '/v1/assignments/release', { project: 'nobody', service: 'x' }],
    [409, 'fenced', /granted again/, 'POST', '/v1/assignments/release', { port, token: '1.1' }],
    [413, 'too-large', /64 KiB/, 'POST', '/v1/assignments', reserve({ purpose: 'x'.repeat(10 * MIB) })],
    [400, 'invalid-request', /\bputs\b/, 'POST', '/v1/hosts/h/report', report(many)],
    [
      413,
      'too-large',
      /4096 KiB/,
      'POST',
      '/v1/hosts/h/report',
      report(Array.from({ length: 100_000 }, (_, i) => listener(1 + (i % 65_535)))),
    ],
  ];
  for (const [status, code, detail, ...request] of attempts) {
    const refused = await ask(...request);
    expect(refused, request.slice(0, 2).join(' ')).toMatchObject({
      status,
      body: { code, detail: expect.stringMatching(detail) },
    });
  }
  const endless = await fetch(`${url}/v1/assignments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    // Without a length: what comes is counted.
    body: new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) }),
    duplex: 'half',
  }).then(
    ({ status }) => status,
    () => 'cut off',
  );
  expect([413, 'cut off']).toContain(endless);

  const renew = (id: string, shown: string) =>
    ask<{ lost: object[] }>('POST', '/v1/leases/renew', { leases: [{ id, token: shown }] });
  expect((await renew(lease!.id, '1.1')).body.lost).toMatchObject([{ code: 'fenced' }]);
  const after = await ask<{ position: string; items: object[] }>('GET', '/v1/assignments?consistent=true');
  expect({ ...after.body, items: after.body.items.length }).toEqual({ ...before.body, items: 2 });
  expect((await ask<{ items: object[] }>('GET', '/v1/listeners')).body.items).toEqual([]);
  await vi.waitFor(
    async () => expect((await renew(lease!.id, token)).body.lost).toMatchObject([{ code: 'not-found' }]),
    { ...patient, interval: 7_000 },
  );
});

test('a flood of frames or pings, a frame that is too large or no text: each is cut off with a code that says why', async () => {
  const { url, token, memory } = await tried();
  const before = memory();
  const open = async () => {
    const stream = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, {
      headers: { authorization: `Bearer ${token}` },
    });
    stream.on('error', () => {});
    await once(stream, 'open');
    const closed = once(stream, 'close') as Promise<[number]>;
    return { stream, code: async () => (await closed)[0] };
  };
  const frame = JSON.stringify({ type: 'subscribe', topics: ['assignment', 'listener', 'finding'] });
  const floods = await Promise.all(Array.from({ length: 20 }, open));
  for (const { stream } of floods) for (let i = 0; i < 5_000; i++) stream.send(frame);
  // A close frame may be lost behind what was sent after it.
  for (const { code } of floods) expect([closeCodes.tooMany, 1006]).toContain(await code());

  const pings = await open();
  for (let i = 0; i < 5_000; i++) pings.stream.ping();
  expect([closeCodes.tooMany, 1006]).toContain(await pings.code());
  const large = await open();
  large.stream.send('x'.repeat(MIB));
  expect(await large.code()).toBe(1009);
  const binary = await open();
  binary.stream.send(Buffer.from(frame));
  expect(await binary.code()).toBe(closeCodes.badFrame);
  expect(memory() - before).toBeLessThan(200);
});

test('many who dribble their headers hold up nobody and are sent away', async () => {
  const { url, memory } = await tried();
  const before = memory();
  const { port } = new URL(url);
  const answers: string[] = [];
  let ended = 0;
  const sockets = await Promise.all(
    Array.from({ length: 1_000 }, async () => {
      const socket: Socket = dial(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      socket.on('data', (data) => answers.push(String(data)));
      socket.on('close', () => ended++);
      await once(socket, 'connect');
      socket.write('GET /v1/hosts HTTP/1.1\r\nhost: 127.0.0.1\r\n');
      return socket;
    }),
  );
  const dribble = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x');
  }, 500);
  onTestFinished(() => {
    clearInterval(dribble);
    for (const socket of sockets) socket.destroy();
  });
  await vi.waitFor(() => expect(ended).toBe(sockets.length), patient);
  expect(answers.filter((each) => each.startsWith('HTTP/1.1 408')).length).toBeGreaterThan(sockets.length / 2);
  expect(memory() - before).toBeLessThan(200);
});

test('an upgrade to what it does not speak leaves no socket behind', async () => {
  const { url } = await tried();
  const socket = dial(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  socket.write('GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n');
  await vi.waitFor(() => expect(answer).toMatch(/^HTTP\/1\.1 200/), patient);
});

test('one token that asks too often is told to wait, and nobody else is', async () => {
  const { ask, url } = await tried('--rate-limit', '5', '--stream-limit', '2');
  const make = async (name: string) =>
    (await ask<TokenMade>('POST', '/v1/tokens', { role: 'viewer', name })).body.token;
  const [eager, patientOne] = [await make('eager'), await make('patient')];
  const look = (token: string) => ask('GET', '/v1/hosts', undefined, { authorization: `Bearer ${token}` });
  const statuses = await Promise.all(Array.from({ length: 60 }, () => look(eager)));
  const refused = statuses.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(20);
  expect(refused[0]).toMatchObject({ body: { code: 'too-many', retryAfter: expect.any(Number) } });
  expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect((await look(patientOne)).status).toBe(200);
  await vi.waitFor(async () => expect((await look(eager)).status).toBe(200), patient);

  const codes: number[] = [];
  const streams: WebSocket[] = [];
  for (let i = 0; i < 3; i++) {
    const stream = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`);
    streams.push(stream);
    stream.on('close', (code) => codes.push(code));
    await once(stream, 'open');
    stream.send(JSON.stringify({ type: 'auth', token: patientOne }));
    stream.send(JSON.stringify({ type: 'subscribe', topics: ['finding'] }));
    await Promise.race([once(stream, 'message'), once(stream, 'close')]);
  }
  expect(codes).toEqual([closeCodes.tooMany]);
  for (const stream of streams) stream.terminate();
});
