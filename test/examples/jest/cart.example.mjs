import { once } from 'node:events';
import { createServer } from 'node:http';
import { freePort, listenOn } from '@portolan/client/node';

test('the cart listens on a port of this worker', async () => {
  const server = createServer((_request, response) => response.end('3 apples'));
  const cart = await listenOn(server, { project: 'shop', service: 'cart-test', instance: 'auto' });
  const answer = await fetch(`http://127.0.0.1:${cart.port}/`, { headers: { connection: 'close' } });
  expect(await answer.text()).toBe('3 apples');
  expect(String(cart.port)).not.toBe(process.env.SHARED_PORT);
  server.close();
  await once(server, 'close');
  await cart.release();
});

test('any free port is this test’s alone', async () => {
  const ports = await Promise.all([freePort(), freePort()]);
  expect(ports[0].port).not.toBe(ports[1].port);
  await Promise.all(ports.map((each) => each.release()));
});
