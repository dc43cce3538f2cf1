import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { drainOf } from './drain.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function serve(answer: Parameters<typeof createServer>[1]) {
  const server = createServer(answer);
  const drain = drainOf(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.closeAllConnections());
  return { server, drain, port: (server.address() as AddressInfo).port };
}

test('a connection on which nothing was asked does not hold up the end', async () => {
  const { server, drain, port } = await serve((_, response) => response.end());
  const accepted = once(server, 'connection');
  const socket = connect(port, '127.0.0.1');
  ends.push(() => socket.destroy());
  await accepted;
  const begun = performance.now();
  await drain();
  // Else it would wait for the minute that a request may take to come.
  expect(performance.now() - begun).toBeLessThan(20_000);
});

test('a request under way has its answer before the end', async () => {
  const asked = Promise.withResolvers<() => void>();
  const { drain, port } = await serve((_, response) => asked.resolve(() => response.end('all of it')));
  const answered = new Promise<string>((resolve, reject) => {
    get({ host: '127.0.0.1', port }, async (response) => {
      resolve((await response.toArray()).join(''));
    }).once('error', reject);
  });
  const answer = await asked.promise;
  let ended = false;
  const drained = drain().then(() => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(ended).toBe(false);
  answer();
  expect(await answered).toBe('all of it');
  await drained;
});
