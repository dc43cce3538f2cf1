import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { connect } from '@portolan/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AskedCoordinator, hostInfo, startAskedCoordinator } from '../support/asked-coordinator.ts';
import { Workbench } from '../support/workbench.ts';

let coordinator: AskedCoordinator;
let bench: Workbench;
let environment: Record<string, string>;

/** Another machine of the fleet, which is called as the system of this one is. */
beforeAll(async () => {
  coordinator = await startAskedCoordinator();
  bench = new Workbench();
  const state = join(bench.directory, 'state');
  mkdirSync(state);
  environment = { PORTOLAN_TOKEN: coordinator.admin, PORTOLAN_URL: coordinator.url, PORTOLAN_STATE_DIR: state };
  const info = hostInfo(hostname(), ['192.0.2.7']);
  expect((await coordinator.ask(coordinator.admin, 'PUT', '/v1/hosts/other', info)).status).toBe(200);
});
afterAll(async () => {
  await bench.clear();
  await coordinator.stop();
});

const assignments = async () => {
  const { items } = await connect({ url: coordinator.url, token: coordinator.admin }).assignments({ consistent: true });
  return items.map(({ endpoint, host }) => `${endpoint.service} ${host}`);
};

test('what runs here is not put on another machine of the same name', async () => {
  const command = ['run', 'shop/web', '--ttl', '60s', '--', process.execPath, '-e', 'setTimeout(() => {}, 60_000)'];
  const running = bench.portolan(command, { environment });
  await expect.poll(assignments, { timeout: 60_000 }).toEqual(['web undefined']);
  await running.end('SIGTERM');
});

test.each(['reserve', 'run'])('"%s" takes nothing over on another machine of the same name', async (command) => {
  const rest = command === 'run' ? ['--', process.execPath, '-e', ''] : [];
  const taking = [command, 'shop/cart', '--preferred', '25640', '--on-taken', 'takeover', ...rest];
  const { code, stderr } = await bench.portolan(taking, { environment }).ended;
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: expect.stringMatching(/^portolan: This machine's agent is not known here.*--host-name ID\.\n$/),
  });
});

test('nor does "doctor" take the other one for this', async () => {
  const { stdout } = await bench.portolan(['doctor', '--json'], { environment }).ended;
  const { checks } = JSON.parse(stdout) as { checks: { name: string; detail: string }[] };
  expect(checks.find(({ name }) => name === 'agent')?.detail).toBe('none has reported for this host');
});
