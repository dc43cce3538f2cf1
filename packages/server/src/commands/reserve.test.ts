import { type HoldingProcess, type ReserveInput, ReserveRequest } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../../../../test/support/redis.ts';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openRedisStore } from '../store/redis-store.ts';

const logger = pino({ level: 'silent' });
let redis: TestRedis;
let coordinator: Coordinator;
/** Another on the same store. */
let second: Coordinator;

beforeAll(async () => {
  redis = await startRedis();
  const open = async () => startCoordinator(await openRedisStore({ url: redis.url, logger }), logger);
  [coordinator, second] = [await open(), await open()];
});
afterAll(async () => {
  await second?.stop();
  await coordinator?.stop();
  await redis?.stop();
});

const reserve = (service: string, more: Partial<ReserveInput> = {}, by = coordinator) =>
  by.reserver.reserve(ReserveRequest.parse({ project: 'p', service, ttl: 60, ...more }));
const auto = (service: string, more: Partial<ReserveInput> = {}, by = coordinator) =>
  reserve(service, { instance: 'auto', ...more }, by);
const instanceOf = ({ assignments }: Awaited<ReturnType<typeof reserve>>) => assignments[0]!.endpoint.instance;

describe('an instance that is "auto"', () => {
  test('is the lowest of the service that nobody holds, whatever its label', async () => {
    await reserve('web', { label: 'admin' });
    await reserve('web', { instance: 3 });
    const given = [await auto('web'), await auto('web'), await auto('web', { label: 'api' })];
    expect(given.map(instanceOf)).toEqual([2, 4, 5]);
    await coordinator.leases.release({ lease: given[0]!.lease!.id, token: given[0]!.token });
    expect(instanceOf(await auto('web'))).toBe(2);
  });

  test('is another one for each of many that ask at once, also of two coordinators', { timeout: 60_000 }, async () => {
    const asked = Array.from({ length: 60 }, (_, i) => auto('many', {}, i % 2 === 0 ? coordinator : second));
    const given = await Promise.all(asked);
    expect(new Set(given.map(instanceOf)).size).toBe(60);
    expect(new Set(given.map(({ port }) => port)).size).toBe(60);
    expect(given.every(({ created }) => created)).toBe(true);
    expect(Math.max(...given.map(instanceOf))).toBe(60);
  });

  test('is the same again for a request that is sent again, and for no other', async () => {
    const first = await auto('again', { requestId: 'r1' });
    const again = await auto('again', { requestId: 'r1' }, second);
    expect(again).toMatchObject({ created: false, port: first.port, token: first.token });
    expect(instanceOf(await auto('again', { requestId: 'r2' }))).toBe(2);
    expect(instanceOf(await auto('again'))).toBe(3);
  });

  test('is not given a port that rests for another instance', async () => {
    const { lease, port } = await auto('rested');
    const ends = Date.now() + 60_000;
    await coordinator.executor.execute<void>(() => {
      const [held] = coordinator.fleet.leased(lease!.id);
      const rest = {
        protocol: 'tcp',
        port,
        endpoint: held!.value.endpoint,
        reason: 'expired',
        until: new Date(ends).toISOString(),
      };
      return {
        alternatives: [
          {
            conditions: [],
            puts: [{ key: `resting/tcp/${port}`, value: JSON.stringify(rest) }],
            deletes: [held!.key, `endpoint/p/rested:default/tcp`],
            leases: [{ id: lease!.id, ttl: null }],
          },
        ],
        answer: () => undefined,
      };
    });
    const refusal = { code: 'port-taken', data: { obstacle: { reason: 'resting' } } };
    await expect(auto('rested', { port })).rejects.toMatchObject(refusal);
    // The instance itself comes back to its own.
    expect((await reserve('rested', { port })).port).toBe(port);
  });

  test('needs a ttl, and takes nothing over', () => {
    const of = (more: object) => ReserveRequest.safeParse({ project: 'p', service: 's', instance: 'auto', ...more });
    expect(of({ ttl: 60 }).success).toBe(true);
    expect(of({}).error?.message).toMatch(/needs a ttl/);
    expect(of({ ttl: 60, onTaken: 'takeover' }).error?.message).toMatch(/takeover names its instance/);
  });
});

describe('the process that holds a lease', () => {
  const first: HoldingProcess = { pid: 11, startedAt: 1_700_000_000_000, namespace: 'here' };
  const next: HoldingProcess = { pid: 12, startedAt: 1_700_000_000_500, namespace: 'here' };
  const third: HoldingProcess = { pid: 13, startedAt: 1_700_000_001_000, namespace: 'here' };

  test('stays when another one asks, and passes on only to who names the one that holds it', async () => {
    const { token } = await reserve('held', { process: first, requestId: 'a' });
    const asked = await reserve('held', { process: next, requestId: 'b' });
    expect(asked.assignments[0]).toMatchObject({ process: first, requestId: 'a', token });
    const passed = await reserve('held', { process: next, requestId: 'c', succeeds: first });
    expect(passed).toMatchObject({ created: false, lease: asked.lease });
    expect(passed.assignments[0]).toMatchObject({ process: next, requestId: 'c' });
    const late = await reserve('held', { process: third, requestId: 'd', succeeds: first });
    expect(late.assignments[0]).toMatchObject({ process: next, requestId: 'c' });
    await coordinator.leases.release({ lease: passed.lease!.id, token: passed.token });
  });

  test('of two that would follow the same one, one does', async () => {
    await reserve('race', { process: first, requestId: 'a' });
    const answers = await Promise.all([
      reserve('race', { process: next, requestId: 'n', succeeds: first }),
      reserve('race', { process: third, requestId: 't', succeeds: first }, second),
    ]);
    const held = answers.map(({ assignments }) => assignments[0]!.requestId);
    expect(held[0]).toBe(held[1]);
  });

  test('is not kept of a permanent assignment', async () => {
    await reserve('lasting', { process: first, requestId: 'a' });
    const permanent = await reserve('lasting', { ttl: undefined, process: first });
    expect(permanent.assignments[0]).not.toHaveProperty('process');
    expect(permanent.assignments[0]).not.toHaveProperty('requestId');
  });

  test('is refused when it is no process', () => {
    const of = (process: object) => ReserveRequest.safeParse({ project: 'p', service: 's', process }).success;
    expect(of(first)).toBe(true);
    for (const wrong of [{ pid: 0, startedAt: 1 }, { pid: 1 }, { ...first, namespace: 'x'.repeat(65) }]) {
      expect(of(wrong)).toBe(false);
    }
  });
});
