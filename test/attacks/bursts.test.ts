import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
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
