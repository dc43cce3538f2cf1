import { createServer } from 'node:http';
import { listenOn } from '@portolan/client/node';
import { expect, test } from 'vitest';

test('the cart says what is in it', async () => {
  const server = createServer((_request, response) => response.end('3 apples'));
  await using cart = await listenOn(server, { project: 'shop', service: 'cart-test', instance: 'auto' });
  const answer = await fetch(`http://127.0.0.1:${cart.port}/`, { headers: { connection: 'close' } });
  expect(await answer.text()).toBe('3 apples');
  server.close();
});
