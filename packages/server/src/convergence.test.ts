import { type EntryKind, ReserveRequest } from '@portolan/model';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { startRedis } from '../../../test/support/redis.ts';
import { type Coordinator, startCoordinator } from './coordinator.ts';
import { openRedisStore } from './store/redis-store.ts';

const logger = pino({ level: 'silent' });
const kinds: readonly EntryKind[] = ['assignment', 'endpoint', 'resting'];
const WRITERS = 60;
const ACTS = 60;

test('coordinators that all write at once end with one state, which is the store’s', { timeout: 60_000 }, async () => {
  const redis = await startRedis();
  const open = async () => startCoordinator(await openRedisStore({ url: redis.url, logger }), logger);
  const coordinators = [await open(), await open(), await open()];
  const resets = vi.fn();
  for (const { replica } of coordinators) replica.subscribe({ applied: () => {}, reset: resets });
  const any = () => coordinators[Math.floor(Math.random() * coordinators.length)]!;

  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      const held: string[] = [];
      for (let act = 0; act < ACTS; act++) {
        const [service] = held.splice(Math.floor(Math.random() * held.length * 2), 1);
        if (service !== undefined) await any().leases.release({ project: 'p', service });
        else {
          held.push(`s${writer}-${act}`);
          const order = act % 3 === 0 ? 'lowest' : 'spread';
          const request = { project: 'p', service: held.at(-1), range: { from: 20_000, to: 23_999 }, order };
          await any().reserver.reserve(ReserveRequest.parse({ ...request, ...(act % 2 === 0 && { ttl: 60 }) }));
        }
      }
    }),
  );

  const [first] = coordinators as [Coordinator];
  await vi.waitFor(() => {
    for (const { fleet } of coordinators) expect(fleet.position).toBe(first.fleet.position);
  });
  const store = await openRedisStore({ url: redis.url, logger });
  const stored: string[] = [];
  for await (const { entries } of store.snapshot()) {
    for (const { key, version, value } of entries) {
      if (kinds.some((kind) => key.startsWith(`${kind}/`))) stored.push(`${key} ${version} ${value}`);
    }
  }
  expect(stored.length).toBeGreaterThan(100);
  for (const { fleet } of coordinators) {
    const held = kinds.flatMap((kind) =>
      Array.from(fleet.all(kind), ({ key, version, value }) => `${key} ${version} ${JSON.stringify(value)}`),
    );
    expect(held.sort()).toEqual(stored.sort());
    expect(fleet.use.taken.countFree(20_000, 23_999)).toBe(4_000 - fleet.count('assignment'));
  }
  expect(resets).not.toHaveBeenCalled();
  await store.close();
  await Promise.all(coordinators.map((coordinator) => coordinator.stop()));
  await redis.stop();
});
