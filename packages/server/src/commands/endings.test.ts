import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EndRequest, type Listener, listenerFingerprint, ReserveRequest, SetDigest } from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { orphanTest } from './orphan.ts';

let directory: string;
let coordinator: Coordinator;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-endings-'));
  const store = await openSqliteStore({ path: join(directory, 'fleet.db') });
  coordinator = await startCoordinator(store, pino({ level: 'silent' }));
  const facts = { addresses: [], platform: 'linux', agentVersion: '0.1.0', ephemeral: null, blindSpots: [] };
  await coordinator.hosts.join('a', { name: 'host-a', ...facts });
});
afterEach(async () => {
  await coordinator.stop();
  await rm(directory, { recursive: true });
});

function listener(port: number, more: Partial<Listener> = {}): Listener {
  const about = { uid: 0, user: 'root', command: 'node', commandLine: 'node server.js', cwd: '/srv' };
  return {
    protocol: 'tcp',
    address: '127.0.0.1',
    port,
    netns: 'host',
    v6only: false,
    socket: String(port),
    process: { pid: 4711, startedAt: 1_700_000_000_000, ...about },
    container: null,
    identity: null,
    since: '2026-01-01T00:00:00.000Z',
    ...more,
  };
}

async function report(...puts: Listener[]): Promise<void> {
  const digest = new SetDigest();
  for (const each of puts) digest.toggle(listenerFingerprint(each));
  await coordinator.hosts.report('a', { seq: 1, previous: null, puts, deletes: [], digest: digest.toString() });
}

function identity(service: string, lease?: string, label: string | null = 'default'): Listener['identity'] {
  const evidence = { kind: 'lease', detail: `lease ${lease} for ${service}` } as const;
  return { service, label, instance: 1, evidence, ...(lease && { lease }) };
}

const end = (request: object) => coordinator.endings.end(EndRequest.parse(request));

test("a container's port is not freed by ending its proxy, forced or not: the container is named instead", async () => {
  const container = { id: '0123456789abcdef', name: 'shop-db-1', image: 'postgres', publishes: 5432 };
  await report(listener(5432, { container, identity: identity('shop/db') }));
  await expect(end({ host: 'host-a', port: 5432, force: true })).rejects.toMatchObject({
    code: 'in-container',
    message: expect.stringContaining('docker stop shop-db-1'),
  });
});

test('an unknown host, an empty port and another process than was seen are told', async () => {
  await report(listener(3000, { identity: identity('shop/web') }));
  await expect(end({ host: 'nowhere', port: 3000 })).rejects.toMatchObject({ code: 'unknown-host' });
  await expect(end({ host: 'a', port: 3001, project: 'shop' })).rejects.toMatchObject({ code: 'not-found' });
  const another = { pid: 4711, startedAt: 1_700_000_000_001 };
  await expect(end({ host: 'a', port: 3000, project: 'shop', processes: [another] })).rejects.toMatchObject({
    code: 'process-changed',
  });
});

test('whoever names neither project nor service ends nothing unless it is forced', async () => {
  await report(listener(3000, { identity: identity('shop/web') }), listener(3001));
  for (const whose of [{}, { project: 'bank' }, { service: 'shop/cart' }, { orphan: true }]) {
    await expect(end({ host: 'a', port: 3000, ...whose })).rejects.toMatchObject({
      code: 'other-service',
      data: { owner: 'shop/web', pid: 4711 },
    });
  }
  await expect(end({ host: 'a', port: 3001, project: 'shop' })).rejects.toMatchObject({ code: 'other-service' });
});

describe('an orphan', () => {
  const orphans = () =>
    Array.from(coordinator.fleet.all('listener'), ({ value }) => value)
      .filter((each) => orphanTest(coordinator.fleet)(each))
      .map(({ port }) => port)
      .sort();
  const held = (holder: 'alive' | 'gone' | undefined, lease: string, label: string | null = 'default') => ({
    ...(identity('shop/web', lease, label) as NonNullable<Listener['identity']>),
    ...(holder && { holder }),
  });
  const reserve = async (more: object = {}) => {
    const wish = { project: 'shop', service: 'web', port: 3000, ...more };
    const { lease, token } = await coordinator.reserver.reserve(ReserveRequest.parse(wish));
    return { lease: lease?.id as string, token };
  };

  test('is what the dead holder of its ports left behind, at once and on all its ports', async () => {
    const { lease } = await reserve({ ttl: 60 });
    await report(
      listener(3000, { identity: held('gone', lease) }),
      listener(9229, { identity: held('gone', lease, null) }),
      listener(3002, { identity: identity('shop/x') }),
    );
    expect(orphans()).toEqual([3000, 9229]);
  });

  test('is nobody whose holder lives or is not known, whatever became of the lease', async () => {
    const { lease } = await reserve({ ttl: 60 });
    for (const holder of ['alive', undefined] as const) {
      await report(listener(3000, { identity: held(holder, lease) }));
      expect(orphans()).toEqual([]);
    }
    await coordinator.leases.release({ lease });
    expect(orphans()).toEqual([]);
  });

  test('is nobody of whose lease nothing is known here: it was released, or is of another fleet', async () => {
    await report(listener(3000, { identity: held('gone', 'unheard-of') }));
    expect(orphans()).toEqual([]);
  });

  test('is nobody who only inherited its environment', async () => {
    const { lease } = await reserve({ ttl: 60 });
    await report(listener(9229, { identity: held('gone', lease, null) }));
    expect(orphans()).toEqual([]);
  });

  test('is nobody whose ports became permanent', async () => {
    const { lease } = await reserve({ ttl: 60 });
    await report(listener(3000, { identity: held('gone', lease) }));
    await reserve();
    expect(orphans()).toEqual([]);
  });

  test('is nobody whose holder handed over', async () => {
    const { lease, token } = await reserve({ ttl: 60 });
    await report(listener(3000, { identity: held('gone', lease) }));
    await coordinator.leases.renew({ leases: [{ id: lease, token, handOver: true }] });
    expect(orphans()).toEqual([]);
  });
});
