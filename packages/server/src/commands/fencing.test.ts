import { type Assignment, type Held, key, type Reservation, ReserveRequest, rewritten } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { alternative, put } from './entries.ts';

let coordinator: Coordinator;
beforeAll(async () => {
  coordinator = await startCoordinator(await openSqliteStore({ path: ':memory:' }), pino({ level: 'silent' }));
});
afterAll(() => coordinator.stop());

const reserve = (service: string, more: object = { ttl: 60 }) =>
  coordinator.reserver.reserve(ReserveRequest.parse({ project: 'p', service, ...more }));
const reassert = (service: string, port: number, token: string) =>
  coordinator.leases.reassert({
    project: 'p',
    service,
    instance: 1,
    protocol: 'tcp',
    ports: { default: port },
    token,
    ttl: 60,
  });
const renew = (lease: Reservation['lease'], token: string, handOver?: boolean) =>
  coordinator.leases.renew({ leases: [{ id: lease!.id, token, ...(handOver && { handOver }) }] });

const heldBy = (service: string) =>
  coordinator.fleet.assignmentOf({ project: 'p', service, label: 'default', instance: 1 }, 'tcp') as Held<'assignment'>;

async function write(entryKey: string, value: Assignment): Promise<void> {
  await coordinator.executor.execute<void>(() => ({
    alternatives: [alternative({ puts: [put<'assignment'>(entryKey, value)] })],
    answer: () => undefined,
  }));
}

/** As a takeover that is undone does, a reaper that finds its holder silent, a plan that makes it permanent. */
async function rewrite(service: string, changes: Partial<Assignment> = {}): Promise<void> {
  const held = heldBy(service);
  await write(held.key, rewritten(held, changes));
}

test('a holder takes its port back under its token however often the entry was written anew', async () => {
  let { token, port } = await reserve('often');
  for (let i = 0; i < 5; i++) {
    await rewrite('often');
    ({ token } = await reassert('often', port, token));
    await rewrite('often');
    // And once more under the first that it had, since the answer may have been lost.
    expect((await reassert('often', port, token)).port).toBe(port);
  }
});

test('an older token than the grant is fenced: it takes nothing back, renews and releases nothing', async () => {
  const first = await reserve('twice');
  await coordinator.leases.release({ lease: first.lease!.id, token: first.token });
  const second = await reserve('twice', { ttl: 60, port: first.port });
  await expect(reassert('twice', first.port, first.token)).rejects.toMatchObject({ code: 'fenced' });
  await expect(coordinator.leases.release({ port: first.port, token: first.token })).rejects.toMatchObject({
    code: 'fenced',
  });
  expect((await renew(second.lease, first.token)).lost).toMatchObject([{ code: 'fenced' }]);
  expect((await renew(second.lease, second.token)).renewed).toHaveLength(1);
});

test('a re-assertion whose answer was lost can be sent again, and fences all but its sender', async () => {
  const first = await reserve('slept');
  await coordinator.leases.release({ lease: first.lease!.id, token: first.token });
  const second = await reserve('slept', { ttl: 60, port: first.port });
  await coordinator.leases.release({ lease: second.lease!.id, token: second.token });
  const back = await reassert('slept', first.port, first.token);
  expect((await reassert('slept', first.port, first.token)).token).toBe(back.token);
  await expect(reassert('slept', first.port, second.token)).rejects.toMatchObject({ code: 'fenced' });
});

test('a holder that fell silent comes back, renews and releases under the token that it has', async () => {
  const { lease, token, port } = await reserve('silent');
  await rewrite('silent', { unattended: 'orphaned' });
  expect((await renew(lease, token)).renewed).toHaveLength(1);
  expect(heldBy('silent').value.unattended).toBeUndefined();
  await rewrite('silent', { unattended: 'orphaned' });
  await coordinator.leases.release({ port, token });
  expect(heldBy('silent')).toBeUndefined();
});

test('somebody else who asks for what fell silent is its holder from then on', async () => {
  const first = await reserve('orphan');
  await rewrite('orphan', { unattended: 'orphaned' });
  const second = await reserve('orphan');
  expect(second.port).toBe(first.port);
  await expect(reassert('orphan', first.port, first.token)).rejects.toMatchObject({ code: 'fenced' });
  expect((await reassert('orphan', first.port, second.token)).port).toBe(first.port);
});

test('a hand-over whose answer was lost can be asked again', async () => {
  const { lease, token } = await reserve('handed');
  for (let i = 0; i < 2; i++) expect((await renew(lease, token, true)).renewed).toHaveLength(1);
  expect(heldBy('handed').value.unattended).toBe('handed-over');
});

test('whoever holds what is made permanent goes on under the token that it has', async () => {
  const { token, port } = await reserve('lasting');
  const permanent = await reserve('lasting', {});
  expect(permanent.lease).toBeNull();
  expect(await reassert('lasting', port, token)).toMatchObject({ port, lease: null });
  expect(coordinator.fleet.get('assignment', key.assignment('tcp', port))?.value.lease).toBeNull();
});
