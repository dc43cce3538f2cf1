import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../../../test/support/port.ts';
import { fakeCoordinator } from './fake-coordinator.ts';
import { connect } from './on-node.ts';
import { hostFor, ownHost } from './own-host.ts';

const own = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
const host = (id: string, addresses: string[]) => ({
  ...{ id, name: hostname(), addresses, platform: 'linux', agentVersion: '1', ephemeral: null, blindSpots: [] },
  ...{ state: 'alive', stateSince: '2026-11-21T12:00:00Z' },
});

let state: string;
beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), 'portolan-own-host-'));
  vi.stubEnv('PORTOLAN_STATE_DIR', state);
  await agentAt(`http://127.0.0.1:${await freePort()}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(state, { recursive: true });
});

const agentAt = async (url: string) => writeFileSync(join(state, 'local-api.json'), JSON.stringify({ url }));

/** A coordinator that knows these hosts. */
const fleetOf = (...hosts: ReturnType<typeof host>[]) =>
  fakeCoordinator(({ path }) => {
    if (path === '/v1/hosts') return { body: { items: hosts, position: '1-1', next: null } };
    const found = hosts.find(({ id }) => path === `/v1/hosts/${id}`);
    const problem = { type: 'x', title: 'x', status: 404, detail: 'no such host', code: 'not-found' };
    return found ? { body: { ...found, position: '1-1' } } : { status: 404, body: problem };
  });

test('the agent of this machine says which host it is', async () => {
  const source = { agent: 'harbour', asOf: null, attended: true, leftOut: [] };
  await using agent = await fakeCoordinator(() => ({ body: source }));
  await using fleet = await fleetOf(host('kept', own));
  await agentAt(agent.url);
  writeFileSync(join(state, 'host-id'), 'kept\n');
  expect(await ownHost(connect({ url: fleet.url, token: 'x' }))).toBe('harbour');
  expect(agent.asked.map(({ path }) => path)).toEqual(['/v1/source']);
});

test('without it, an id that is kept here counts where the fleet has it at addresses of this machine', async () => {
  writeFileSync(join(state, 'host-id'), 'kept\n');
  await using fleet = await fleetOf(host('kept', own));
  expect(await ownHost(connect({ url: fleet.url, token: 'x' }))).toBe('kept');
  // Of a machine that shares the state directory, or was cloned with it.
  await using other = await fleetOf(host('kept', [...own, '192.0.2.7']));
  expect(await ownHost(connect({ url: other.url, token: 'x' }))).toBeUndefined();
});

test('so does the id of an agent that has said where it answers, and now does not', async () => {
  writeFileSync(join(state, 'local-api.json'), JSON.stringify({ url: 'http://127.0.0.1:1', host: 'frozen' }));
  await using fleet = await fleetOf(host('frozen', own));
  expect(await ownHost(connect({ url: fleet.url, token: 'x' }))).toBe('frozen');
});

test('it is asked once for a client, however often and by however many at once', async () => {
  const source = { agent: 'harbour', asOf: null, attended: true, leftOut: [] };
  await using agent = await fakeCoordinator(() => ({ body: source }));
  await using fleet = await fleetOf();
  await agentAt(agent.url);
  const client = connect({ url: fleet.url, token: 'x' });
  await Promise.all([ownHost(client), ownHost(client)]);
  expect(await ownHost(client)).toBe('harbour');
  expect(agent.asked).toHaveLength(1);
});

test('a takeover asks anew where no host was found before: an agent may have come', async () => {
  await using fleet = await fleetOf();
  const client = connect({ url: fleet.url, token: 'x' });
  expect(await hostFor({}, client)).toBeUndefined();
  const source = { agent: 'harbour', asOf: null, attended: true, leftOut: [] };
  await using agent = await fakeCoordinator(() => ({ body: source }));
  await agentAt(agent.url);
  expect(await hostFor({ onTaken: 'takeover' }, client)).toBe('harbour');
});

test('so does the id that an agent makes from the machine id', async ({ skip }) => {
  let machineId = '';
  try {
    machineId = readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {}
  skip(!/^[0-9a-f]{32}$/.test(machineId), 'this machine has no machine id');
  const id = createHash('sha256').update(`portolan host ${machineId}`).digest('hex').slice(0, 20);
  await using fleet = await fleetOf(host(id, own));
  expect(await ownHost(connect({ url: fleet.url, token: 'x' }))).toBe(id);
});

test('a host that is called as this machine is may be another: it is not named, and nothing is taken over there', async () => {
  await using fleet = await fleetOf(host('another', ['192.0.2.7']));
  const client = connect({ url: fleet.url, token: 'x' });
  expect(await hostFor({}, client)).toBeUndefined();
  await expect(hostFor({ onTaken: 'takeover' }, client)).rejects.toMatchObject({
    code: 'unknown-host',
    message: expect.stringMatching(/^This machine's agent is not known here.*--host-name ID/),
  });
  expect(await hostFor({ onTaken: 'takeover', host: 'another' }, client)).toBe('another');
});
