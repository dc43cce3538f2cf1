import { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import { freePort } from './port.ts';
import { type RedisOptions, startRedis, type TestRedis } from './redis.ts';

export interface RedisCluster {
  /** `redis+cluster://…` */
  readonly url: string;
  /** In the order of their slots. */
  readonly primaries: readonly TestRedis[];
  /** One of each primary. */
  readonly replicas: readonly TestRedis[];
  /** Moves the slot of a key, with all that is in it, as `redis-cli --cluster reshard` does. */
  moveSlot(key: string, to: TestRedis): Promise<void>;
  /** The server that has the slot of a key. */
  ownerOf(key: string): Promise<TestRedis>;
  stop(): Promise<void>;
}

const PRIMARIES = 3;
const SLOTS = 16_384;
const PATIENCE = { timeout: 60_000, interval: 50 };

/** Three primaries with a replica each; on loopback, as processes. */
export async function startCluster(options: RedisOptions = {}): Promise<RedisCluster> {
  const clients = new Map<TestRedis, Redis>();
  const node = async (): Promise<TestRedis> => {
    const args = [
      '--cluster-enabled',
      'yes',
      '--cluster-node-timeout',
      '2000',
      '--cluster-port',
      `${await freePort()}`,
    ];
    const server = await startRedis({ ...options, args: [...args, ...(options.args ?? [])], asProcess: true });
    const client = new Redis(server.url, { lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
    client.on('error', () => {});
    await client.connect();
    clients.set(server, client);
    return server;
  };
  const client = (server: TestRedis) => clients.get(server) as Redis;
  const idOf = (server: TestRedis) => client(server).call('CLUSTER', 'MYID') as Promise<string>;
  const stop = async () => {
    for (const each of clients.values()) each.disconnect();
    await Promise.all([...clients.keys()].map((server) => server.stop()));
  };
  try {
    const nodes = await Promise.all(Array.from({ length: 2 * PRIMARIES }, node));
    const primaries = nodes.slice(0, PRIMARIES);
    const replicas = nodes.slice(PRIMARIES);
    for (const [i, server] of primaries.entries()) {
      const from = Math.floor((i * SLOTS) / PRIMARIES);
      const to = Math.floor(((i + 1) * SLOTS) / PRIMARIES) - 1;
      await client(server).call('CLUSTER', 'ADDSLOTSRANGE', from, to);
    }
    for (const server of nodes) {
      const bus = ((await client(server).config('GET', 'cluster-port')) as string[])[1] as string;
      for (const other of nodes) await client(other).call('CLUSTER', 'MEET', '127.0.0.1', server.port, bus);
    }
    for (const server of nodes) {
      await vi.waitFor(async () => {
        expect(await client(server).call('CLUSTER', 'INFO')).toMatch(/cluster_state:ok(.|\r\n)*cluster_known_nodes:6/);
      }, PATIENCE);
    }
    for (const [i, server] of replicas.entries()) {
      await client(server).call('CLUSTER', 'REPLICATE', await idOf(primaries[i] as TestRedis));
    }
    for (const server of replicas) {
      await vi.waitFor(async () => expect(await client(server).info()).toContain('master_link_status:up'), PATIENCE);
    }

    const ownerOf = async (key: string): Promise<TestRedis> => {
      for (const server of nodes.filter((each) => client(each).status === 'ready')) {
        const slot = (await client(server).call('CLUSTER', 'KEYSLOT', key)) as number;
        const own = (await client(server).call('CLUSTER', 'NODES')) as string;
        const line = own.split('\n').find((each) => each.includes('myself,master')) ?? '';
        const has = line
          .split(' ')
          .slice(8)
          .some((range) => {
            const [from, to = from] = range.split('-').map(Number);
            return slot >= (from as number) && slot <= (to as number);
          });
        if (has) return server;
      }
      throw new Error(`no node has the slot of ${key}`);
    };
    return {
      url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      primaries,
      replicas,
      ownerOf,
      stop,
      async moveSlot(key, target) {
        const source = await ownerOf(key);
        const slot = (await client(source).call('CLUSTER', 'KEYSLOT', key)) as number;
        const [from, to] = [await idOf(source), await idOf(target)];
        await client(target).call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from);
        await client(source).call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to);
        for (;;) {
          const keys = (await client(source).call('CLUSTER', 'GETKEYSINSLOT', slot, 1)) as string[];
          if (keys.length === 0) break;
          await client(source).call('MIGRATE', '127.0.0.1', target.port, '', 0, 5000, 'KEYS', ...keys);
        }
        for (const server of [target, source, ...primaries]) {
          await client(server).call('CLUSTER', 'SETSLOT', slot, 'NODE', to);
        }
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
