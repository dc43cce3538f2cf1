import { once } from 'node:events';
import { type AuditEvent, closeCodes, type TokenView } from '@portolan/model';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import type { Ended } from '../support/program.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

let bench: Workbench;
let redis: TestRedis;
let here: Coordinator;
let there: Coordinator;
/** Every token that was shown to anybody in this file. */
const shown: string[] = [];

beforeAll(async () => {
  bench = new Workbench();
  redis = await startRedis();
  const args = ['--redis', redis.url, '--ack', 'memory', '--log-level', 'debug'];
  here = await bench.coordinator(args);
  there = await bench.coordinator(args);
  shown.push(bench.token);
});
afterAll(async () => {
  await bench.clear();
  await redis?.stop();
});

/** The command, with the token of the start or another one. */
function portolan(args: string[], { token = bench.token, at = here } = {}): Promise<Ended> {
  return bench.portolan([...args, '--url', at.url], { environment: { PORTOLAN_TOKEN: token } }).ended;
}

async function create(...args: string[]): Promise<{ id: string; token: string }> {
  const { stdout, stderr } = await portolan(['token', 'create', '--json', ...args]);
  expect(stderr).toBe('');
  const made = JSON.parse(stdout) as { id: string; token: string };
  shown.push(made.token);
  return made;
}

const heardOf = (token: string, at: Coordinator) =>
  vi.waitFor(async () => {
    const answer = await fetch(`${at.url}/v1/tokens/self`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
  }, patient);

test('a token is made, listed, used at another coordinator, and revoked there too', async () => {
  const plain = await portolan([
    'token',
    'create',
    '--role',
    'client',
    '--project',
    'mana',
    '--name',
    'ci',
    '--expires',
    '30d',
  ]);
  expect(plain).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^ptn_[A-Za-z0-9]{12}_[\w-]{43}\n$/),
  });
  const token = plain.stdout.trim();
  shown.push(token);
  await heardOf(token, there);
  expect((await portolan(['reserve', 'mana/api'], { token, at: there })).code).toBe(0);
  const refused = await portolan(['reserve', 'other/api'], { token, at: there });
  expect(refused).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('the token "ci" (client of mana) may not'),
  });
  expect((await portolan(['token', 'list'], { token })).code).toBe(4);

  const list = await portolan(['token', 'list', '--json']);
  const { items } = JSON.parse(list.stdout) as { items: TokenView[] };
  const ci = items.find(({ name }) => name === 'ci')!;
  expect(ci).toMatchObject({ role: 'client', projects: ['mana'], createdBy: 'bootstrap' });
  const days = (Date.parse(ci.expiresAt!) - Date.parse(ci.createdAt)) / 86_400_000;
  expect(days).toBe(30);
  expect((await portolan(['token', 'list'])).stdout).toMatch(/ci +client +mana/);

  expect((await portolan(['token', 'revoke', ci.id])).stdout).toContain('"ci" (client) is revoked');
  await vi.waitFor(async () => expect((await portolan(['hosts'], { token, at: there })).code).toBe(4), patient);
  expect((await portolan(['token', 'revoke', ci.id])).code).toBe(3);
});

test('the bounds of a role are told before anything is sent', async () => {
  const { code, stderr } = await portolan(['token', 'create', '--role', 'client', '--name', 'x']);
  expect(code).toBe(2);
  expect(stderr).toContain('projects');
});

test('a revoked token ends the streams that it opened at any coordinator, and a token whose time is over does', async () => {
  const revoked = await create('--role', 'viewer', '--name', 'revoked');
  const brief = await create('--role', 'viewer', '--name', 'brief', '--expires', '6s');
  const streams = [];
  for (const { token } of [revoked, brief]) {
    await heardOf(token, there);
    const stream = new WebSocket(`${there.url.replace('http', 'ws')}/v1/stream`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const closed = once(stream, 'close') as Promise<[number]>;
    await once(stream, 'open');
    stream.send(JSON.stringify({ type: 'subscribe', topics: ['finding'] }));
    await once(stream, 'message');
    streams.push({ stream, closed });
  }
  const events = await fetch(`${there.url}/v1/changes`, {
    headers: { authorization: `Bearer ${revoked.token}`, accept: 'text/event-stream' },
  });
  const asked = performance.now();
  await portolan(['token', 'revoke', revoked.id]);
  expect((await streams[0]!.closed)[0]).toBe(closeCodes.unauthorized);
  // To the end: it would wait for ever if the stream stayed open.
  expect(await events.text()).toContain('unauthorized');
  expect(performance.now() - asked).toBeLessThan(60_000);
  expect((await streams[1]!.closed)[0]).toBe(closeCodes.unauthorized);
});

test('an agent works with a token of its own host', async () => {
  const { token } = await create('--role', 'agent', '--host-id', 'host-a', '--name', 'agent of host-a');
  await bench.agent(here.url, 'host-a', [], { environment: { PORTOLAN_TOKEN: token } });
  const { port } = new URL(there.url);
  await vi.waitFor(async () => {
    const { stdout } = await portolan(['ls', '--listeners', '--json'], { at: there });
    expect(JSON.parse(stdout).items).toContainEqual(expect.objectContaining({ host: 'host-a', port: Number(port) }));
  }, patient);
});

test('the trail tells of all of them, to operators and to nobody else', async () => {
  const operator = await create('--role', 'operator', '--name', 'ada');
  const port = (await portolan(['reserve', 'audited/api'], { token: operator.token })).stdout.trim();
  await portolan(['release', 'audited/api'], { token: operator.token });
  const { stdout } = await portolan(['audit', '--port', port, '--json'], { token: operator.token });
  const { items } = JSON.parse(stdout) as { items: AuditEvent[] };
  expect(items.map(({ action, actor }) => [action, actor.name])).toEqual([
    ['release', 'ada'],
    ['reserve', 'ada'],
  ]);
  expect((await portolan(['audit', '--actor', 'ada'])).stdout).toMatch(
    new RegExp(`ada \\(operator\\) as \\S+ +127\\.0\\.0\\.1 +reserve +tcp/${port} audited/api:default`),
  );
  const viewer = await create('--role', 'viewer', '--name', 'nosy');
  expect((await portolan(['audit'], { token: viewer.token })).code).toBe(4);
  await vi.waitFor(async () => {
    const { stdout } = await portolan(['audit', '--action', 'refused', '--actor', 'nosy']);
    expect(stdout).toMatch(/nosy \(viewer\).+GET \/v1\/audit/);
  }, patient);
});

test('no token is in any log, nor in what the store keeps', async () => {
  const wrong = `ptn_0123456789ab_${'w'.repeat(43)}`;
  shown.push(wrong);
  const { port } = new URL(here.url);
  const base = `http://127.0.0.1:${port}`;
  for (const token of shown) {
    const authorization = `Bearer ${token}`;
    await fetch(`${base}/v1/hosts`, { headers: { authorization } });
    await fetch(`${base}/v1/hosts?token=${token}`);
    await fetch(`${base}/v1/${token}`, { headers: { authorization } });
    await fetch(`${base}/v1/assignments`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: token,
    });
    for (const frame of [
      JSON.stringify({ type: 'auth', token }),
      token,
      JSON.stringify({ type: 'auth', token: [token] }),
    ]) {
      const stream = new WebSocket(`${base.replace('http', 'ws')}/v1/stream`);
      await once(stream, 'open');
      stream.send(frame);
      stream.send(JSON.stringify({ type: 'subscribe', topics: ['finding'] }));
      await Promise.race([once(stream, 'message'), once(stream, 'close')]);
      stream.terminate();
    }
    await bench.portolan(['watch', '--url', base, '--topic', 'nonsense', '--token', token]).ended;
  }
  // A log that has nothing at all would prove nothing.
  expect(here.program.stderr).toContain('the coordinator is ready');
  const client = new Redis(redis.url);
  const kept = JSON.stringify(await client.hgetall('{portolan:default}:kv'));
  client.disconnect();
  expect(kept).toContain('token/');
  for (const token of shown) {
    const secret = token.startsWith('ptn_of') ? token : token.slice(17);
    for (const { program } of [here, there]) expect(program.stderr + program.stdout).not.toContain(secret);
    expect(kept).not.toContain(secret);
  }
});
