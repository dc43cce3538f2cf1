import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type RedisOptions, startRedis } from './redis.ts';

async function start(options?: RedisOptions) {
  const server = await startRedis(options);
  onTestFinished(() => server.stop());
  return server;
}

async function withClient<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { retryStrategy: null });
  client.on('error', () => {});
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

test('a started Redis answers, and is gone after stop', async () => {
  const server = await startRedis();
  expect(await withClient(server.url, (client) => client.set('key', 'value'))).toBe('OK');

  await server.stop();

  await expect(withClient(server.url, (client) => client.get('key'))).rejects.toThrow();
});

test('two servers do not share anything', async () => {
  const [one, two] = await Promise.all([start(), start()]);
  await withClient(one.url, (client) => client.set('key', 'value'));
  expect(await withClient(two.url, (client) => client.get('key'))).toBeNull();
});

test.each([
  { persistence: 'aof', after: 'value' },
  { persistence: 'none', after: null },
] as const)('with persistence $persistence a killed server comes back with $after', async ({ persistence, after }) => {
  const server = await start({ persistence });
  await withClient(server.url, (client) => client.set('key', 'value'));

  await server.kill();
  await expect(withClient(server.url, (client) => client.get('key'))).rejects.toThrow();
  await server.restart();

  expect(await withClient(server.url, (client) => client.get('key'))).toBe(after);
});

test('a second server can be the replica of the first', async () => {
  const primary = await start();
  const replica = await start({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] });
  await withClient(primary.url, async (client) => {
    await vi.waitFor(async () => expect(await client.wait(1, 100)).toBe(1), { timeout: 60_000 });
    await client.set('key', 'value');
    await client.wait(1, 5000);
  });
  expect(await withClient(replica.url, (client) => client.get('key'))).toBe('value');
});
