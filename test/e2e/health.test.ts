import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import type { Health } from '@portolan/model';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Heard, listenTo } from '../support/heard.ts';
import { freePort } from '../support/port.ts';
import type { Program } from '../support/program.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

let bench: Workbench;
let url: string;
let fleet: PortolanClient;
let heard: Heard;
let ill: string;

beforeAll(async () => {
  bench = new Workbench();
  ({ url } = await bench.coordinator(['--grace', '2']));
  fleet = connect({ url, token: bench.token });
  heard = await listenTo(fleet, { topics: ['health', 'finding'] });
  ill = join(bench.directory, 'ill');
});
afterAll(async () => {
  await heard?.stop();
  await bench?.clear();
});

const agent = (...more: string[]) => bench.agent(url, 'harbour', ['--interval', '200', '--no-all-namespaces', ...more]);

/** Answers with what it was asked, and 503 as long as there is the file `ill`. */
const CRANE = `
const { existsSync } = require('node:fs');
require('node:http').createServer((request, answer) => {
  console.log('asked ' + request.url + ' of ' + request.headers.host);
  answer.writeHead(existsSync(process.argv[1]) ? 503 : 200).end();
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
`;

async function crane(port: number): Promise<Program> {
  const environment = { PORTOLAN_ENDPOINTS: `wharf/crane:api=${port}/tcp` };
  const program = bench.run(process.execPath, ['-e', CRANE, ill, String(port)], { environment });
  await program.says(/ready/);
  return program;
}

const healthOf = async () => (await fleet.service('wharf', 'crane')).health;
const states = () =>
  heard
    .changes()
    .flatMap(({ topic, op, value }) => (topic === 'health' && op === 'put' ? [(value as Health).state] : []));
const findings = async () =>
  (await fleet.findings({})).items.filter(({ id }) => id.includes('wharf/')).map(({ id }) => id);

test('an agent asks the services of its host how they are, and whoever listens hears when that changes', async () => {
  const port = await freePort();
  let watching = await agent();
  const health = `http://localhost:${port}/up?deep=1`;
  await fleet.declare('wharf', {
    services: [{ name: 'crane', status: 'required', endpoints: [{ label: 'api', port, health }] }],
  });
  await vi.waitFor(async () => expect(await findings()).toEqual(['not-listening:wharf/crane:api']), patient);

  const service = await crane(port);
  await vi.waitFor(
    async () => expect(await healthOf()).toMatchObject([{ host: 'harbour', state: 'passing', code: 200 }]),
    patient,
  );
  await service.says(new RegExp(`asked /up\\?deep=1 of localhost:${port}`));
  await vi.waitFor(async () => expect(await findings()).toEqual([]), patient);

  writeFileSync(ill, '');
  await vi.waitFor(async () => expect(await findings()).toEqual(['health-failing:wharf/crane:api']), patient);
  expect(await healthOf()).toMatchObject([{ state: 'failing', code: 503, detail: 'answered 503' }]);

  // What an agent that was killed had found is found anew by the next one.
  await watching.end('SIGKILL');
  rmSync(ill);
  watching = await agent();
  await vi.waitFor(async () => expect(await healthOf()).toMatchObject([{ state: 'passing', code: 200 }]), patient);
  await vi.waitFor(async () => expect(await findings()).toEqual([]), patient);
  expect(states()).toEqual(['unknown', 'passing', 'failing', 'passing']);

  await service.end();
  await vi.waitFor(async () => expect(await healthOf()).toEqual([]), patient);
  await watching.end();
});

test('an agent that is told to ask nobody asks nobody', async () => {
  const port = await freePort();
  await crane(port);
  await agent('--no-health');
  const plan = { services: [{ name: 'crane', endpoints: [{ label: 'api', port, health: '/up' }] }] };
  await fleet.declare('wharf', plan);
  await vi.waitFor(async () => expect(await healthOf()).toMatchObject([{ state: 'unknown' }]), patient);
  // A second agent that may ask shows that the first one has had the time to.
  await bench.agent(url, 'pier', ['--interval', '200', '--no-all-namespaces']);
  await vi.waitFor(async () => {
    expect((await healthOf()).map(({ host, state }) => [host, state]).sort()).toEqual([
      ['harbour', 'unknown'],
      ['pier', 'passing'],
    ]);
  }, patient);
});
