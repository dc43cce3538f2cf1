import { EndRequest, type Host, key, ReserveRequest } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { alternative, put } from './entries.ts';

let coordinator: Coordinator;
const facts = { addresses: [], platform: 'linux', agentVersion: '0.1.0', ephemeral: null, blindSpots: [] };

/** Two of one name, as a store has them from before that was looked at. */
beforeAll(async () => {
  coordinator = await startCoordinator(await openSqliteStore({ path: ':memory:' }), pino({ level: 'silent' }));
  const host = (id: string): Host => ({
    ...facts,
    id,
    name: 'twin',
    state: 'alive',
    stateSince: new Date().toISOString(),
  });
  await coordinator.executor.execute<void>(() => ({
    alternatives: [alternative({ puts: ['a', 'b'].map((id) => put<'host'>(key.host(id), host(id))) })],
    answer: () => undefined,
  }));
});
afterAll(() => coordinator.stop());

test('a name that several hosts have is ambiguous to whoever goes by it, and their ids are told', async () => {
  const refusal = {
    code: 'ambiguous',
    message: expect.stringMatching(/called twin \(a, b\)/),
    data: { hosts: ['a', 'b'] },
  };
  const request = { project: 'shop', service: 'web', host: 'twin', port: 4000 };
  await expect(coordinator.endings.end(EndRequest.parse({ host: 'twin', port: 4000 }))).rejects.toMatchObject(refusal);
  await expect(coordinator.reserver.reserve(ReserveRequest.parse(request))).rejects.toMatchObject(refusal);
  const takeover = { ...ReserveRequest.parse({ ...request, onTaken: 'takeover' }), instance: 1 };
  await expect(coordinator.takeovers.reserve(takeover)).rejects.toMatchObject(refusal);
  expect(() => coordinator.fleet.findHost('twin')).toThrow(/called twin \(a, b\)/);
  expect(coordinator.fleet.findHost('a')?.id).toBe('a');
});

test('hosts of one name go on under it, and nobody else gets it before the last one has let go of it', async () => {
  for (const id of ['a', 'b']) await coordinator.hosts.join(id, { ...facts, name: 'twin' });
  const join = () => coordinator.hosts.join('c', { ...facts, name: 'Twin' }, { trusted: true });
  await expect(join()).rejects.toMatchObject({ code: 'name-taken' });
  await coordinator.hosts.join('a', { ...facts, name: 'first' });
  await expect(join()).rejects.toMatchObject({ code: 'name-taken', data: { by: 'b' } });
  await coordinator.hosts.forget('b');
  expect(await join()).toMatchObject({ name: 'Twin', state: 'alive' });
});
