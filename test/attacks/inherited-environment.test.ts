import { connect, type PortolanClient } from '@portolan/client';
import type { Problem, Reservation } from '@portolan/model';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AskedCoordinator, startAskedCoordinator } from '../support/asked-coordinator.ts';
import { freePort } from '../support/port.ts';
import type { Program } from '../support/program.ts';

/** Whoever frees a port ends what proves to be there for it, and nothing that is only called so or came from there. */

const patient = { timeout: 60_000, interval: 50 };
const LISTENS =
  "require('node:net').createServer().listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'))";

let coordinator: AskedCoordinator;
let client: PortolanClient;
let bound: string;

beforeEach((context) => context.skip(process.platform !== 'linux', 'agents end processes on Linux only'));
beforeAll(async () => {
  if (process.platform !== 'linux') return;
  coordinator = await startAskedCoordinator();
  client = connect({ url: coordinator.url, token: coordinator.admin });
  await coordinator.bench.agent(coordinator.url, 'here', ['--no-all-namespaces', '--no-gossip', '--no-local-api']);
  bound = await coordinator.token('client', { projects: ['ci'] });
});
afterAll(async () => {
  client?.close();
  await coordinator?.stop();
});

async function start(port: number, environment: Record<string, string>): Promise<Program> {
  const program = coordinator.bench.run(process.execPath, ['-e', LISTENS], {
    environment: { PORT: String(port), ...environment },
  });
  await program.says(/listening/);
  await vi.waitFor(async () => {
    const { items } = await client.listeners({ port, consistent: true });
    expect(items.map(({ process }) => process?.pid)).toContain(program.pid);
  }, patient);
  return program;
}

const takeOver = (token: string, service: string, port: number, more: object = {}) =>
  coordinator.ask<Problem & Reservation>(token, 'POST', '/v1/assignments', {
    project: 'ci',
    service,
    port,
    onTaken: 'takeover',
    host: 'here',
    grace: 1,
    ...more,
  });
const end = (body: object) =>
  coordinator.ask(coordinator.admin, 'POST', '/v1/listeners/end', { host: 'here', ...body });
const lives = ({ child }: Program) => child.exitCode === null && child.signalCode === null;

describe('a daemon that a job left behind, with its environment', () => {
  let daemon: Program;
  let port: number;
  beforeAll(async () => {
    if (process.platform !== 'linux') return;
    port = await freePort();
    const request = { project: 'ci', service: 'job', ttl: 600 };
    const { reservation, release } = await client.reserve(request, { renewing: false });
    const environment = {
      PORTOLAN_ENDPOINTS: `ci/job:default=${reservation.port}/tcp`,
      PORTOLAN_LEASE: reservation.lease!.id,
    };
    daemon = await start(port, environment);
    await release();
  });

  test('is not taken over by who reserves the port for the job, bound to the project or not', async () => {
    for (const token of [bound, coordinator.admin]) {
      for (const label of [undefined, 'default', 'web']) {
        const { status, body } = await takeOver(token, 'job', port, { ...(label && { label }) });
        expect({ status, code: body.code }).toEqual({ status: 409, code: 'port-taken' });
        expect(body.detail).toContain('a process with the environment of ci/job, which was not given this port');
      }
    }
    expect(lives(daemon)).toBe(true);
  });

  test('is not taken over on a port that the job holds by now', async () => {
    await coordinator.ask(bound, 'POST', '/v1/assignments', { project: 'ci', service: 'job', port });
    for (const token of [bound, coordinator.admin]) {
      expect((await takeOver(token, 'job', port)).body.code).toBe('port-taken');
    }
    await coordinator.ask(bound, 'POST', '/v1/assignments/release', { port });
    expect(lives(daemon)).toBe(true);
  });

  test('is no orphan, and not ended as one of the project or the service', async () => {
    expect((await client.orphans({ consistent: true })).items.map(({ port: each }) => each)).not.toContain(port);
    for (const whose of [{ project: 'ci' }, { service: 'ci/job' }, { orphan: true }]) {
      const { status, body } = await end({ port, ...whose });
      expect({ whose, status, code: body.code }).toEqual({ whose, status: 409, code: 'other-service' });
    }
    expect(lives(daemon)).toBe(true);
  });
});

test('what was given the very port is taken over by its project, and under its label alone', async () => {
  const port = await freePort();
  const running = await start(port, { PORTOLAN_ENDPOINTS: `ci/web:api=${port}/tcp` });
  expect((await takeOver(bound, 'web', port)).body.code).toBe('port-taken');
  expect((await takeOver(bound, 'web', port, { label: 'api', instance: 2 })).body.code).toBe('port-taken');
  expect(lives(running)).toBe(true);
  const { status, body } = await takeOver(bound, 'web', port, { label: 'api' });
  expect({ status, body }).toMatchObject({ status: 201, body: { killedProcess: true, previousPid: running.pid } });
});

test('"unknown" is no project: not of a token, a reservation, a range, a plan, an alias, nor of what is ended', async () => {
  const { ask, admin } = coordinator;
  const refused: [string, string, object][] = [
    ['POST', '/v1/tokens', { name: 'u', role: 'client', projects: ['ci', 'unknown'] }],
    ['POST', '/v1/assignments', { project: 'unknown', service: 'dbdata' }],
    ['POST', '/v1/assignments', { project: 'Unknown', service: 'dbdata' }],
    ['POST', '/v1/assignments/reassert', { project: 'unknown', service: 'dbdata', ports: { a: 23_502 }, token: '1.1' }],
    ['PUT', '/v1/ranges/u', { from: 23_500, to: 23_599, owner: 'unknown' }],
    ['PUT', '/v1/plans/unknown', { services: [{ name: 'dbdata' }] }],
    [
      'PUT',
      '/v1/plans/ci',
      { ranges: [{ name: 'u', from: 23_500, to: 23_599, purpose: '', owner: 'unknown', policy: 'allocate' }] },
    ],
    ['PUT', '/v1/aliases/ci/job', { of: 'unknown/dbdata' }],
    ['POST', '/v1/listeners/end', { host: 'here', port: 23_502, project: 'unknown' }],
  ];
  for (const [method, path, body] of refused) {
    const answer = await ask(admin, method, path, body);
    expect({ path, status: answer.status, code: answer.body.code }).toEqual({
      path,
      status: 400,
      code: 'invalid-request',
    });
    expect(answer.body.detail).toContain('is no project');
  }
  // What an earlier version let in can be let go of.
  expect((await ask(admin, 'POST', '/v1/assignments/release', { project: 'unknown', service: 'x' })).status).toBe(404);
  expect((await ask(admin, 'PUT', '/v1/plans/unknown', {})).status).toBe(200);
});
