import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type FindingEvent,
  HOST_NETNS,
  type Listener,
  listenerFingerprint,
  type Page,
  SetDigest,
  type WebhookSet,
  type WebhookTest,
  type WebhookView,
} from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../../../../test/support/port.ts';
import { type RunningServer, startServer } from '../main.ts';

const token = 'ptn_of_the_start';
const patient = { timeout: 60_000, interval: 50 };

let directory: string;
let server: RunningServer;
let receiver: Receiver;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-alerts-'));
  server = await start();
  receiver = await Receiver.open();
});
afterEach(async () => {
  await server?.stop();
  await receiver?.close();
  await rm(directory, { recursive: true });
});

test('a block that comes and goes is told as it happens, signed, each step once and in order', async () => {
  const { secret } = await setWebhook({ url: receiver.url });
  await listenOn('a', 4101);
  await block(4101);
  await receiver.heard(1);
  const [{ id }] = await findings();
  await call('POST', `/v1/findings/${encodeURIComponent(id)}/acknowledge`);
  await receiver.heard(2);
  await unblock(4101);
  await receiver.heard(3);

  expect(receiver.events.map(({ change }) => change)).toEqual(['opened', 'acknowledged', 'resolved']);
  expect(receiver.events[1]).toMatchObject({ by: 'bootstrap', finding: { port: 4101, kind: 'blocked-port' } });
  for (const { headers, body } of receiver.requests) {
    const [, t, v1] = /^t=(\d+),v1=(\w+)$/.exec(String(headers['portolan-signature']))!;
    expect(v1).toBe(createHmac('sha256', secret!).update(`${t}.${body}`).digest('hex'));
    expect(headers['portolan-event']).toBe(JSON.parse(body).id);
  }
  const history = await call<Page<FindingEvent>>('GET', `/v1/findings/history?finding=${encodeURIComponent(id)}`);
  expect(history.items.map(({ change }) => change)).toEqual(['resolved', 'acknowledged', 'opened']);
});

test('a receiver that fails, then is away, is told everything in order when it is back', async () => {
  await setWebhook({ url: receiver.url });
  receiver.answers.push(500, 503);
  await listenOn('a', 4111, 4112, 4113);
  await block(4111);
  await receiver.heard(1);
  expect(receiver.refused).toBe(2);
  await receiver.close();
  await block(4112);
  await vi.waitFor(async () => expect((await webhook()).error).toContain('ECONNREFUSED'), patient);
  await block(4113);
  await vi.waitFor(async () => expect((await webhook()).pending).toBe(2), patient);
  await receiver.reopen();
  await receiver.heard(3);
  expect(receiver.events.map(({ finding }) => finding.port)).toEqual([4111, 4112, 4113]);
  await vi.waitFor(
    async () => expect(await webhook()).toMatchObject({ pending: 0, delivered: 3, error: null }),
    patient,
  );
});

test('what waits for a receiver outlives the coordinator', async () => {
  await setWebhook({ url: receiver.url });
  await listenOn('a', 4121, 4122);
  await block(4121);
  await receiver.heard(1);
  await vi.waitFor(async () => expect((await webhook()).delivered).toBe(1), patient);
  await receiver.close();
  await block(4122);
  await vi.waitFor(async () => expect((await webhook()).pending).toBe(1), patient);
  await server.stop();
  server = await start();
  await receiver.reopen();
  await receiver.heard(2);
  expect(receiver.events.map(({ finding }) => finding.port)).toEqual([4121, 4122]);
});

test('a receiver that never answers holds up neither others nor the registry', async () => {
  const stalling = await Receiver.open();
  stalling.answers.push('never', 'never', 'never');
  await setWebhook({ url: stalling.url }, 'stalling');
  await setWebhook({ url: receiver.url }, 'quick');
  await listenOn('a', 4131, 4132);
  await block(4131);
  await receiver.heard(1);
  await block(4132);
  await receiver.heard(2);
  expect((await call<Page<WebhookView>>('GET', '/v1/webhooks')).items).toMatchObject([
    { name: 'quick', pending: 0 },
    { name: 'stalling', pending: 2 },
  ]);
  await stalling.close();
});

test('one that is moved is tried at its new address at once', async () => {
  const gone = receiver.url;
  await receiver.close();
  await setWebhook({ url: gone });
  await listenOn('a', 4141);
  await block(4141);
  await vi.waitFor(async () => expect((await webhook()).error).toContain('ECONNREFUSED'), patient);
  const moved = await Receiver.open();
  await setWebhook({ url: moved.url });
  await moved.heard(1);
  await moved.close();
});

test('only what is heavy enough, and of the kinds that were asked for', async () => {
  await setWebhook({ url: receiver.url, severity: 'info', kinds: ['collision'] });
  const others = await Receiver.open();
  await setWebhook({ url: others.url, severity: 'info' }, 'others');
  await listenOn('a', 4151);
  await block(4151);
  await others.heard(1);
  expect(receiver.requests).toEqual([]);
  expect((await webhook()).pending).toBe(0);
  await others.close();
});

test('whoever heard that something is grave is told, too, that it is so no more', async () => {
  const manager = await Receiver.open();
  await setWebhook({ url: receiver.url, severity: 'error' });
  await setWebhook({ url: manager.url, severity: 'error', format: 'alertmanager' }, 'manager');
  await call('POST', '/v1/assignments', { project: 'alerts', service: 'service-4155', port: 4155 });
  await listenOn('a', 4155, 4156);
  await block(4155);
  await receiver.heard(1);
  await call('DELETE', '/v1/assignments/tcp/4155');
  await receiver.heard(2);
  await manager.heard(2);
  expect(receiver.events).toMatchObject([
    { change: 'opened', finding: { port: 4155, severity: 'error' } },
    { change: 'eased', finding: { port: 4155, severity: 'warning' }, was: 'error' },
  ]);
  const [[began], [ended]] = manager.requests.map(({ body }) => JSON.parse(body));
  expect(Date.parse(began.endsAt)).toBeGreaterThan(Date.now());
  expect(ended.labels).toEqual(began.labels);
  expect(Date.parse(ended.endsAt)).toBeLessThanOrEqual(Date.now());
  // What was light from the beginning is not for them, nor is the end of what they take for over.
  await block(4156);
  await unblock(4155);
  await vi.waitFor(
    async () => expect((await call<Page<FindingEvent>>('GET', '/v1/findings/history')).items).toHaveLength(4),
    patient,
  );
  expect((await webhook()).pending).toBe(0);
  expect([receiver.requests.length, manager.requests.length]).toEqual([2, 2]);
  await manager.close();
});

test('Slack is told in its own words, and a name can neither call a channel nor make a link', async () => {
  await setWebhook({ url: receiver.url, format: 'slack' });
  await listenOn('a<!channel>', 4161);
  await block(4161);
  await vi.waitFor(() => expect(receiver.requests).toHaveLength(1), patient);
  const { text, blocks } = JSON.parse(receiver.requests[0]!.body);
  expect(text).toContain('blocked-port on tcp 4161');
  expect(JSON.stringify(blocks)).not.toContain('<!channel>');
  expect(blocks[0].type).toBe('section');
});

test('Alertmanager is told by labels that stay the same while the severity does, with an end when it is over', async () => {
  await setWebhook({ url: receiver.url, format: 'alertmanager' });
  await listenOn('a', 4171);
  await block(4171);
  await vi.waitFor(() => expect(receiver.requests).toHaveLength(1), patient);
  await unblock(4171);
  await vi.waitFor(() => expect(receiver.requests).toHaveLength(2), patient);
  const [[began], [ended]] = receiver.requests.map(({ body }) => JSON.parse(body));
  expect(began.labels).toEqual({
    alertname: 'PortolanFinding',
    finding: 'blocked-port:tcp:4171',
    kind: 'blocked-port',
    severity: 'warning',
    port: '4171',
    protocol: 'tcp',
  });
  expect(ended.labels).toEqual(began.labels);
  expect(ended.startsAt).toBe(began.startsAt);
  expect(Date.parse(began.endsAt)).toBeGreaterThan(Date.now());
  expect(Date.parse(ended.endsAt)).toBeLessThanOrEqual(Date.now());
});

test('another severity is another alert for Alertmanager, and the one before ends', async () => {
  await setWebhook({ url: receiver.url, format: 'alertmanager' });
  await call('POST', '/v1/assignments', { project: 'alerts', service: 'service-4175', port: 4175 });
  await listenOn('a', 4175);
  await block(4175);
  await vi.waitFor(() => expect(receiver.requests).toHaveLength(1), patient);
  await call('DELETE', '/v1/assignments/tcp/4175');
  await vi.waitFor(() => expect(receiver.requests).toHaveLength(2), patient);
  await unblock(4175);
  await vi.waitFor(() => expect(receiver.requests).toHaveLength(3), patient);
  const told = receiver.requests.map(({ body }) =>
    JSON.parse(body).map(({ labels, endsAt }: { labels: { severity: string }; endsAt: string }) => [
      labels.severity,
      Date.parse(endsAt) > Date.now() ? 'stands' : 'ends',
    ]),
  );
  expect(told).toEqual([
    [['error', 'stands']],
    [
      ['error', 'ends'],
      ['warning', 'stands'],
    ],
    [['warning', 'ends']],
  ]);
});

test('a test is sent at once and tells what became of it', async () => {
  await setWebhook({ url: receiver.url });
  expect(await call<WebhookTest>('POST', '/v1/webhooks/ops/test')).toMatchObject({ ok: true, status: 200 });
  expect(receiver.events[0]!.finding.summary).toContain('test');
  receiver.answers.push(302);
  expect(await call<WebhookTest>('POST', '/v1/webhooks/ops/test')).toMatchObject({
    ok: false,
    status: 302,
    error: expect.stringContaining('not followed'),
  });
});

test('its secret is told once, its whole URL never, and neither is on the stream of changes', async () => {
  const url = `${receiver.url}services/T000/B000/secret-path?key=hidden`;
  const { secret, webhook: set } = await setWebhook({ url });
  expect(secret).toHaveLength(43);
  expect((await setWebhook({ url })).secret).toBeNull();
  const told = JSON.stringify([set, await call('GET', '/v1/webhooks')]);
  expect(told).not.toContain('secret-path');
  expect(told).not.toContain('hidden');
  expect(told).not.toContain(secret);
});

test('nobody puts a password into the URL, with a name or without one', async () => {
  for (const user of ['ada', ':hidden', 'ada:hidden']) {
    await expect(setWebhook({ url: `http://${user}@127.0.0.1:1/` })).rejects.toThrow('leave name and password out');
  }
});

test('one that is removed is told nothing more, and is new when it is made again', async () => {
  await setWebhook({ url: receiver.url });
  await listenOn('a', 4181, 4182);
  await block(4181);
  await receiver.heard(1);
  await call('DELETE', '/v1/webhooks/ops');
  await block(4182);
  await vi.waitFor(async () => expect(await findings()).toHaveLength(2), patient);
  await setWebhook({ url: receiver.url });
  await unblock(4182);
  await receiver.heard(2);
  expect(receiver.events.map(({ change, finding }) => `${change} ${finding.port}`)).toEqual([
    'opened 4181',
    'resolved 4182',
  ]);
});

function start(): Promise<RunningServer> {
  const store = { kind: 'sqlite', path: join(directory, 'fleet.db') } as const;
  return startServer({ port: 0, token, logger: pino({ level: 'silent' }), store });
}

function setWebhook(request: object, name = 'ops'): Promise<WebhookSet> {
  return call('PUT', `/v1/webhooks/${name}`, request);
}

async function webhook(): Promise<WebhookView> {
  return (await call<Page<WebhookView>>('GET', '/v1/webhooks')).items[0]!;
}

async function findings(): Promise<[{ id: string }]> {
  return (await call<Page<{ id: string }>>('GET', '/v1/findings')).items as [{ id: string }];
}

function block(port: number): Promise<unknown> {
  return call('POST', '/v1/blocks', { from: port, to: port, protocol: null, reason: 'not here' });
}

function unblock(port: number): Promise<unknown> {
  return call('DELETE', `/v1/blocks/${port}`);
}

async function listenOn(name: string, ...ports: number[]): Promise<void> {
  await call('PUT', '/v1/hosts/one', {
    name,
    addresses: [],
    platform: 'linux',
    agentVersion: '1',
    ephemeral: null,
    blindSpots: [],
  });
  const puts = ports.map(
    (port): Listener => ({
      protocol: 'tcp',
      port,
      address: '0.0.0.0',
      netns: HOST_NETNS,
      v6only: null,
      socket: String(port),
      process: { pid: 7, startedAt: 1, uid: 0, user: 'ada', command: 'node', commandLine: 'node', cwd: '/srv' },
      container: null,
      identity: {
        service: `alerts/service-${port}`,
        label: null,
        instance: null,
        evidence: { kind: 'manifest', detail: 'cwd /srv' },
      },
      since: new Date().toISOString(),
    }),
  );
  const digest = new SetDigest();
  for (const each of puts) digest.toggle(listenerFingerprint(each));
  const report = { seq: 1, previous: null, puts, deletes: [], digest: digest.toString() };
  await call('POST', '/v1/hosts/one/report', report);
}

async function call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer as T;
}

/** Takes what is sent to it, or fails as it is told. */
class Receiver {
  readonly requests: { headers: IncomingHttpHeaders; body: string }[] = [];
  /** What to answer instead of 200, one after the other. */
  readonly answers: (number | 'never')[] = [];
  refused = 0;
  #server: Server;
  #port = 0;

  static async open(): Promise<Receiver> {
    const receiver = new Receiver();
    await receiver.reopen();
    return receiver;
  }

  constructor() {
    this.#server = this.#make();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  get events(): FindingEvent[] {
    return this.requests.map(({ body }) => JSON.parse(body));
  }

  async heard(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.requests).toHaveLength(count), patient);
  }

  async reopen(): Promise<void> {
    this.#port ||= await freePort();
    this.#server = this.#make().listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #make(): Server {
    return createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const answer = this.answers.shift() ?? 200;
      if (answer === 'never') return;
      if (answer === 200) this.requests.push({ headers: request.headers, body });
      else this.refused++;
      response.writeHead(answer, { location: 'http://127.0.0.1:1/' }).end('ok');
    });
  }
}
