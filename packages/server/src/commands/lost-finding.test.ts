import { type Endpoint, formatVersion, key, ReserveRequest, revisionOf } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { alternative } from './entries.ts';
import { furtherLossesId, LOSSES_MAX, lostFinding, lostFindingId } from './lost-finding.ts';

const patient = { timeout: 60_000, interval: 20 };
let coordinator: Coordinator;
beforeAll(async () => {
  coordinator = await startCoordinator(await openSqliteStore({ path: ':memory:' }), pino({ level: 'silent' }));
});
afterAll(() => coordinator.stop());

const endpointOf = (service: string): Endpoint => ({ project: 'p', service, label: 'default', instance: 1 });
const stateOf = (service: string) =>
  coordinator.fleet.get('finding', key.finding(lostFindingId(endpointOf(service), 'tcp')))?.value.state;

/** As a coordinator does whose copy had it, whatever the copies of others show. */
async function lose(service: string, port: number): Promise<void> {
  const loss = { endpoint: endpointOf(service), protocol: 'tcp', port, token: '1.1', why: 'a test says so' } as const;
  await coordinator.executor.execute<void>(() => {
    const { put } = lostFinding(coordinator.fleet, loss, new Date().toISOString());
    return { alternatives: [alternative({ puts: [put] })], answer: () => undefined };
  });
  expect(stateOf(service)).toBe('open');
}

test('a loss is resolved when its endpoint is given a port', async () => {
  await lose('again', 4001);
  await coordinator.reserver.reserve(ReserveRequest.parse({ project: 'p', service: 'again' }));
  expect(stateOf('again')).toBe('resolved');
});

test('a loss that is told of when its endpoint has a port already is resolved by whoever leads', async () => {
  const { port } = await coordinator.reserver.reserve(ReserveRequest.parse({ project: 'p', service: 'back' }));
  await lose('back', port);
  await vi.waitFor(() => expect(stateOf('back')).toBe('resolved'), patient);
});

test('what was lost and is no longer needed can be released', async () => {
  await lose('over', 4002);
  const released = await coordinator.leases.release({ project: 'p', service: 'over' });
  expect(released.released).toEqual([]);
  expect(stateOf('over')).toBe('resolved');
  await expect(coordinator.leases.release({ project: 'p', service: 'over' })).rejects.toMatchObject({
    code: 'not-found',
  });
});

test('whatever tokens a client shows, its project has only so many open losses, and one for all further ones', async () => {
  const lose = (n: number) =>
    coordinator.leases.reassert({
      project: 'junk',
      service: `s${n}`,
      instance: 1,
      protocol: 'tcp',
      ports: { default: 22 },
      token: '1.1',
    });
  const open = () =>
    Array.from(coordinator.fleet.all('finding'), ({ value }) => value).filter(
      ({ id, state }) => state !== 'resolved' && /^lost-assignment:(?:further:junk$|tcp:junk\/)/.test(id),
    );
  for (let n = 0; n < LOSSES_MAX; n++) {
    await expect(lose(n)).rejects.toMatchObject({ code: 'assignment-lost' });
  }
  expect(open()).toHaveLength(LOSSES_MAX);
  const further = furtherLossesId('junk');
  for (let n = 0; n < 20; n++) {
    await expect(lose(LOSSES_MAX + n)).rejects.toMatchObject({ code: 'assignment-lost', data: { finding: further } });
  }
  expect(open()).toHaveLength(LOSSES_MAX + 1);
  // Once there is room again, the next ones are told by themselves.
  await coordinator.leases.release({ project: 'junk', service: 's0' });
  await vi.waitFor(() => expect(open()).toHaveLength(LOSSES_MAX - 1), patient);
});

test('a token that the history would show makes no finding', async () => {
  const { epoch, position } = coordinator.fleet;
  const lost = coordinator.leases.reassert({
    project: 'made',
    service: 'up',
    instance: 1,
    protocol: 'tcp',
    ports: { default: 22 },
    token: formatVersion(epoch, revisionOf(position)),
  });
  await expect(lost).rejects.toMatchObject({ code: 'assignment-lost', data: { finding: null } });
});
