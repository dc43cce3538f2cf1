import { connect, type PortolanClient } from '@portolan/client';
import type { Host, Page, Reservation } from '@portolan/model';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type AskedCoordinator, hostInfo, startAskedCoordinator } from '../support/asked-coordinator.ts';
import { ToldHost, toldListener } from '../support/told-host.ts';

const patient = { timeout: 60_000, interval: 50 };

let coordinator: AskedCoordinator;
let client: PortolanClient;
let evil: string;
const join = (token: string, id: string, name: string, addresses: readonly string[] = []) =>
  coordinator.ask<Host & { code?: string; detail?: string }>(
    token,
    'PUT',
    `/v1/hosts/${encodeURIComponent(id)}`,
    hostInfo(name, addresses),
  );

beforeAll(async () => {
  coordinator = await startAskedCoordinator();
  client = connect({ url: coordinator.url, token: coordinator.admin });
  evil = await coordinator.token('agent', { host: 'aa-evil' });
  for (const [id, name] of [
    ['web-id', 'web-1'],
    ['gone-id', 'gone-1'],
  ] as const) {
    expect((await join(coordinator.admin, id, name)).status).toBe(200);
  }
});
afterAll(async () => {
  client?.close();
  await coordinator?.stop();
});

describe('a host', () => {
  test('cannot join under the name or the id of another, however it is written, and is told what to do', async () => {
    for (const name of ['web-1', 'WEB-1', 'web-1\u200b', ' web-1 ', '\uff57eb-1', 'web-id']) {
      const { status, body } = await join(evil, 'aa-evil', name);
      expect({ name, status, code: body.code }).toEqual({ name, status: 409, code: 'name-taken' });
      expect(body.detail).toMatch(/--name of "portolan agent".*portolan hosts --forget web-id/);
    }
    expect((await join(coordinator.admin, 'web-1', 'another')).body.code).toBe('name-taken');
    expect((await coordinator.ask(coordinator.admin, 'GET', '/v1/hosts/aa-evil')).status).toBe(404);
  });

  test('cannot be renamed to what another is called, and keeps its own name', async () => {
    expect((await join(evil, 'aa-evil', 'evil')).status).toBe(200);
    expect((await join(evil, 'aa-evil', 'web-1')).body.code).toBe('name-taken');
    expect((await join(evil, 'aa-evil', 'evil-2')).status).toBe(200);
    expect((await join(evil, 'aa-evil', 'Evil-2')).status).toBe(200);
    // What it is called no more is anybody's.
    const second = await join(coordinator.admin, 'second', 'evil');
    expect(second.status).toBe(200);
    expect((await coordinator.ask(coordinator.admin, 'DELETE', '/v1/hosts/second')).status).toBe(200);
    expect((await join(evil, 'aa-evil', 'evil')).status).toBe(200);
  });

  test('that has left gives its name to whoever may forget it, and to no agent on its own word', async () => {
    await coordinator.ask(coordinator.admin, 'POST', '/v1/hosts/gone-id/leave');
    expect((await join(evil, 'aa-evil', 'gone-1')).body.code).toBe('name-taken');
    // The same machine, installed anew.
    expect((await join(coordinator.admin, 'gone-new', 'gone-1')).status).toBe(200);
    const { body } = await coordinator.ask<Page<Host>>(coordinator.admin, 'GET', '/v1/hosts?consistent=true');
    expect(body.items.filter(({ name }) => name === 'gone-1').map(({ id }) => id)).toEqual(['gone-new']);
    const trail = await coordinator.ask<Page<{ targets: { key: string }[] }>>(
      coordinator.admin,
      'GET',
      '/v1/audit?action=forget-host',
    );
    expect(trail.body.items.flatMap(({ targets }) => targets.map(({ key }) => key))).toContain('host/gone-id');
  });

  test('is one of many that join under one name at once', async () => {
    const joined = await Promise.all(
      Array.from({ length: 20 }, (_, i) => join(coordinator.admin, `many-${i}`, 'many')),
    );
    expect(joined.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(409)]);
    const crossed = await Promise.all([
      join(coordinator.admin, 'left', 'right'),
      join(coordinator.admin, 'right', 'left'),
    ]);
    expect(crossed.map(({ status }) => status).sort()).toEqual([200, 409]);
  });
});

test('a lease that names a host is renewed by the agent of that host, and not by one that takes its name later', async () => {
  const reserve = async (host: string, service = `on-${host}`) => {
    const request = { project: 'shop', service, host, ttl: 60 };
    const { body } = await coordinator.ask<Reservation>(coordinator.admin, 'POST', '/v1/assignments', request);
    return { id: body.lease!.id, token: body.token, host: body.assignments[0]!.host };
  };
  const renewal = async ({ id, token }: { id: string; token: string }) =>
    (await coordinator.ask(evil, 'POST', '/v1/leases/renew', { leases: [{ id, token }] })).status;

  const early = await reserve('not-yet');
  expect(early.host).toBe('not-yet');
  await coordinator.ask(coordinator.admin, 'POST', '/v1/hosts/gone-new/leave');
  const named = await reserve('gone-1');
  expect(named.host).toBe('gone-new');
  await coordinator.ask(coordinator.admin, 'DELETE', '/v1/hosts/gone-new');

  for (const [name, lease] of [
    ['not-yet', early],
    ['gone-1', named],
  ] as const) {
    expect((await join(evil, 'aa-evil', name)).status).toBe(200);
    expect(await renewal(lease)).toBe(403);
  }
  await coordinator.ask(coordinator.admin, 'POST', '/v1/hosts/aa-evil/leave');
  expect(await renewal(await reserve('gone-1', 'own'))).toBe(200);
  await join(evil, 'aa-evil', 'evil');
});

test('a target of Prometheus is at no address of another host', async () => {
  const victim = new ToldHost(client, 'web-id', { name: 'web-1', addresses: ['10.0.0.5', '172.17.0.1'] });
  await victim.begin([toldListener('bank/pay', 5151)]);
  const rogue = new ToldHost(client, 'aa-evil', { name: 'evil', addresses: ['10.0.0.66', '172.17.0.1'] });
  await rogue.begin([
    toldListener('bank/pay', 5151, { address: '10.0.0.5' }),
    toldListener('bank/pay', 5151, { address: '::ffff:10.0.0.5' }),
  ]);
  await client.reserve({ project: 'bank', service: 'pay', port: 5151 });
  const targets = async () => {
    const path = '/v1/discovery/prometheus?project=bank&consistent=true';
    type Group = { targets: string[]; labels: Record<string, string> };
    const { body } = await coordinator.ask<Group[]>(coordinator.admin, 'GET', path);
    return body.map(({ targets: [target], labels: { host, host_id } }) => ({ target, host, host_id }));
  };
  expect(await targets()).toEqual([{ target: '10.0.0.5:5151', host: 'web-1', host_id: 'web-id' }]);
  // One that claims the addresses of others, too, takes them from both, and the name remains.
  await client.join('aa-evil', { ...rogue.info, addresses: ['10.0.0.5', '172.17.0.1'] });
  expect(await targets()).toEqual([{ target: 'web-1:5151', host: 'web-1', host_id: 'web-id' }]);
});

test('neither a name like a URL nor an address that is a name makes a target of Prometheus', async () => {
  const rogue = new ToldHost(client, 'bb-evil', { name: 'metrics.internal.example:80/x?' });
  await rogue.begin([toldListener('fund/pay', 5252)]);
  await client.reserve({ project: 'fund', service: 'pay', port: 5252 });
  const targets = async () => {
    const path = '/v1/discovery/prometheus?project=fund&consistent=true';
    const { body } = await coordinator.ask<{ targets: string[] }[]>(coordinator.admin, 'GET', path);
    return body.flatMap((group) => group.targets);
  };
  expect(await targets()).toEqual([]);
  for (const addresses of [['vault.internal.example'], ['169.254.169.254'], ['10.1.1.1:80/x?']]) {
    await client.join('bb-evil', { ...rogue.info, addresses });
    expect(await targets()).toEqual([]);
  }
  const named = toldListener('fund/pay', 5252, { address: 'vault.internal.example' });
  await expect(rogue.change([named], [])).rejects.toMatchObject({
    code: 'invalid-request',
    message: expect.stringContaining('the address of a socket is numeric'),
  });
  await client.join('bb-evil', { ...rogue.info, name: 'fund-1' });
  expect(await targets()).toEqual(['fund-1:5252']);
});

test('a lease that names a host is not kept by what the agent of another says that it sees', async () => {
  const reserve = async (service: string, host: string) => {
    const { reservation } = await client.reserve({ project: 'shop', service, host, ttl: 5 }, { renewing: false });
    const evidence = { kind: 'lease', detail: 'as its agent says' } as const;
    const identity = { service: `shop/${service}`, label: 'default', instance: 1, evidence };
    return { ...reservation, seen: toldListener(`shop/${service}`, reservation.port, { identity }) };
  };
  const [victim, rogue] = [new ToldHost(client, 'keep-a'), new ToldHost(client, 'keep-b')];
  for (const host of [victim, rogue]) await client.join(host.id, host.info);
  const [kept, lost] = [await reserve('kept', 'keep-a'), await reserve('lost', 'keep-a')];
  await victim.begin([kept.seen]);
  await rogue.begin([lost.seen]);
  const standing = async ({ port }: Reservation) => (await client.assignments({ port, consistent: true })).items.length;
  await vi.waitFor(async () => expect(await standing(lost)).toBe(0), patient);
  expect(await standing(kept)).toBe(1);
});

test('an agent whose name is taken says so: one with a name of its own choice fails, another takes a further one', async () => {
  const { bench, url } = coordinator;
  const environment = (name: string) => ({ PORTOLAN_STATE_DIR: `${bench.directory}/${name}` });
  const start = (id: string, more: string[]) =>
    bench.portolan(
      ['agent', '--url', url, '--host-id', id, '--no-local-api', '--no-gossip', '--log-level', 'warn', ...more],
      { environment: environment(id) },
    );
  const named = start('named-x', ['--name', 'web-1']);
  await vi.waitFor(() => expect(named.stderr).toMatch(/not in the fleet.*named-x cannot join as web-1/), patient);
  await named.end();

  const [first, second] = [start('first-aaaaaa', []), start('second-bbbbbb', [])];
  const names = async () =>
    (await client.hosts({ consistent: true })).items
      .filter(({ id }) => /^(first|second)-/.test(id))
      .map(({ name }) => name);
  await vi.waitFor(async () => expect(await names()).toHaveLength(2), patient);
  const [own, other] = (await names()).sort((a, b) => a.length - b.length);
  expect([`${own}-aaaaaa`, `${own}-bbbbbb`]).toContain(other);
  expect(first.stderr + second.stderr).toMatch(/another host is called .*--name of/);
  await Promise.all([first.end(), second.end()]);
});
