import { connect, type PortolanClient } from '@portolan/client';
import type { MemberView } from '@portolan/model';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Rogue, startRogue } from '../support/rogue.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

/** A machine was stolen, and its token revoked. It still has the key of gossip, and hears all that is said with it. */
const patient = { timeout: 60_000, interval: 100 };
const bench = new Workbench();
let coordinator: Coordinator;
let client: PortolanClient;
let thief: Rogue | undefined;

beforeAll(async () => {
  coordinator = await bench.coordinator(['--gossip-port', '0']);
  client = connect({ url: coordinator.url, token: bench.token });
  for (const name of ['one', 'two']) {
    await bench.agent(coordinator.url, name, ['--gossip-port', '0', '--no-local-api', '--interval', '300']);
  }
});
afterEach(() => thief?.stop());
afterAll(() => bench.clear());

const alive = (members: readonly Pick<MemberView, 'name' | 'status'>[]) =>
  members.flatMap(({ name, status }) => (status === 'alive' ? [name] : []));

test('a thief with an old key never learns the new one, and is outside as soon as the old one is removed', async () => {
  const { token, id } = await client.createToken({ role: 'agent', name: 'thief', host: 'thief' });
  thief = await startRogue(coordinator.url, token, { name: 'thief' });
  await client.revokeToken(id);
  const { gossip } = thief.cluster;
  const heard: string[] = [];
  thief.cluster.onEvent((event) => {
    if (event.type === 'keys') heard.push(...event.keys);
    // It has none of the keys, and says so: silence would only take longer.
    if (event.type === 'query') event.question.answer(new TextEncoder().encode('\n'));
  });
  await vi.waitFor(
    async () => expect(alive(await client.members())).toEqual(expect.arrayContaining(['one', 'two', 'thief'])),
    patient,
  );

  const installed = await client.changeKeys('install');
  const [old, fresh] = [installed.keys[0]!.key, installed.keys[1]!.key];
  expect(heard, 'it was sent the key').toEqual([]);
  expect(installed.keys.map(({ members }) => members)).toEqual([3, 3]);
  expect(Object.keys(installed.failures)).toEqual(['thief']);
  for (const report of [await gossip.keys.list(), await gossip.keys.install(fresh.replaceAll(/[a-z]/g, 'A'))]) {
    expect(
      Object.keys(report.keys).filter((key) => key === fresh),
      'it asked for the keys',
    ).toEqual([]);
  }
  await expect(client.changeKeys('use', fresh)).rejects.toThrow(/will be outside until they ask a coordinator: thief$/);
  const used = await client.changeKeys('use', fresh, { force: true });
  expect(used.keys[0]).toMatchObject({ key: fresh, members: 3 });
  await client.changeKeys('remove', old, { force: true });

  await vi.waitFor(async () => expect(alive(await client.members()).sort()).not.toContain('thief'), patient);
  expect(alive(await client.members())).toEqual(expect.arrayContaining(['one', 'two']));
  const { keys, members, failures } = await client.keys();
  expect([keys, members, failures]).toEqual([[{ key: fresh, primary: true, members: 3 }], 3, {}]);
  expect(heard.filter((key) => key === fresh)).toEqual([]);
});
