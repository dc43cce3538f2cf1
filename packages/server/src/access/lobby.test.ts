import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningServer, startServer } from '../main.ts';

const token = `ptn_${'s'.repeat(43)}`;
const CONNECTIONS = 20;

let directory: string;
let server: RunningServer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-lobby-'));
  server = await startServer({
    port: 0,
    token,
    logger: pino({ level: 'silent' }),
    limits: { connections: CONNECTIONS },
    store: { kind: 'sqlite', path: join(directory, 'fleet.db') },
  });
});
afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

async function status(agent?: Agent): Promise<number | undefined> {
  const asking = request(`${server.url}/v1/tokens/self`, {
    headers: { authorization: `Bearer ${token}` },
    ...(agent && { agent }),
  });
  asking.end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return answer.statusCode;
}

test('silent connections keep nobody out, and cut nobody off who showed a token', async () => {
  const agent = new Agent({ keepAlive: true });
  expect(await status(agent)).toBe(200);
  const [known] = Object.values(agent.freeSockets).flat() as Socket[];

  const { hostname, port } = new URL(server.url);
  const silent = await Promise.all(
    Array.from({ length: CONNECTIONS - 1 }, async () => {
      const socket = connect(Number(port), hostname).on('error', () => {});
      await once(socket, 'connect');
      return socket;
    }),
  );
  expect(await status()).toBe(200);
  expect(await status(agent)).toBe(200);
  expect(known!.destroyed).toBe(false);

  agent.destroy();
  for (const socket of silent) socket.destroy();
});
