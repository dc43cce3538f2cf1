import { once } from 'node:events';
import { createServer } from 'node:http';
import { withPort } from '@portolan/client/node';
import { expect, test } from 'vitest';

test('the cart is empty at first', async () => {
  await withPort({ project: 'shop', service: 'cart-test', instance: 'auto' }, async (port) => {
    const server = createServer((_request, response) => response.end('nothing')).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
    expect(await answer.text()).toBe('nothing');
    server.close();
  });
});
