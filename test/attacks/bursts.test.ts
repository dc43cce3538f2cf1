import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startOwnCoordinator } from '../support/own-coordinator.ts';

const start = 'ptn_of_the_start_that_is_long_enough';
const agent = new Agent({ keepAlive: true });

let directory: string;
let coordinator: Awaited<ReturnType<typeof startOwnCoordinator>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-bursts-'));
  coordinator = await startOwnCoordinator(directory, start);
});
afterAll(async () => {
  agent.destroy();
  await coordinator?.stop();
  await rm(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(token: string, method: string, path: string, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    const asking = request(coordinator.url + path, { method, agent, headers }, async (answer) =>
      resolve({ status: answer.statusCode as number, body: await text(answer) }),
    );
    asking.on('error', reject).end(body && JSON.stringify(body));
  });
}

async function tokenFor(role: string, over: object = {}): Promise<string> {
  const { body } = await ask(start, 'POST', '/v1/tokens', { role, name: role, ...over });
  return (JSON.parse(body) as { token: string }).token;
}

test('400 renewals of 1,000 leases each at once end nothing', async () => {
  const client = await tokenFor('client', { projects: ['shop'] });
  const leases = Array.from({ length: 1_000 }, (_, i) => ({ id: `n${i}`, token: '1.1' }));
  const answers = await Promise.all(
    Array.from({ length: 400 }, () => ask(client, 'POST', '/v1/leases/renew', { leases })),
  );
  expect(answers.filter(({ status }) => status !== 200 && status !== 429)).toEqual([]);
  expect((await ask(client, 'POST', '/v1/assignments', { project: 'shop', service: 'web' })).status).toBe(201);
});

test('whoever begins reports of a host that is not theirs keeps nobody from sending that one’s', async () => {
  const [evil, victim] = await Promise.all(['evil', 'victim'].map((host) => tokenFor('agent', { host })));
  const info = {
    name: 'victim',
    addresses: ['10.0.0.9'],
    platform: 'linux',
    agentVersion: '1',
    ephemeral: null,
    blindSpots: [],
  };
  expect((await ask(victim!, 'PUT', '/v1/hosts/victim', info)).status).toBe(200);
  const silent = await Promise.all(Array.from({ length: 3 }, () => beginsReport(evil!)));
  const report = { seq: 1, previous: null, puts: [], deletes: [], digest: '0000000000000000' };
  expect((await ask(victim!, 'POST', '/v1/hosts/victim/report', report)).status).toBe(200);
  // They are refused without a word of their bodies.
  for (const { refused } of silent) expect(await refused).toContain('403');
});

/** Sends the head of a report, and nothing of its body. */
async function beginsReport(token: string) {
  const { hostname, port, host } = new URL(coordinator.url);
  const socket = connect(Number(port), hostname);
  const refused = once(socket, 'data').then(([data]) => String(data).split('\r\n', 1)[0]);
  socket.write(
    `POST /v1/hosts/victim/report HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\n` +
      'content-type: application/json\r\ncontent-length: 100000\r\n\r\n',
  );
  // By then the coordinator has begun with it.
  await ask(token, 'GET', '/v1/hosts?limit=1');
  return { refused };
}
