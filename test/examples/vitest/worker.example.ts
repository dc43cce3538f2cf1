import { createServer } from 'node:http';
import { listenOn } from '@portolan/client/node';
import { test as base, expect } from 'vitest';

/** One server for all tests of a worker, on a port of its own. */
const test = base.extend<{ url: string }>({
  url: [
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads which fixtures are wanted from here.
    async ({}, use) => {
      const server = createServer((_request, response) => response.end('checked out'));
      await using own = await listenOn(server, { project: 'shop', service: 'checkout-test', instance: 'auto' });
      await use(`http://127.0.0.1:${own.port}/`);
      server.closeAllConnections();
      server.close();
    },
    { scope: 'worker' },
  ],
});

test('an order is checked out', async ({ url }) => {
  expect(await (await fetch(url)).text()).toBe('checked out');
});

test('so is the next one', async ({ url }) => {
  expect((await fetch(url)).status).toBe(200);
});
