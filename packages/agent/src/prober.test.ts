import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { probe } from './prober.ts';

test('a port that somebody listens on cannot be bound, whatever the address, and can be again afterwards', async () => {
  for (const host of ['127.0.0.1', '0.0.0.0', '::1']) {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await probe('tcp', [port])).toEqual([{ port, reason: 'EADDRINUSE' }]);
    server.close();
    await once(server, 'close');
    expect(await probe('tcp', [port])).toEqual([]);
  }
});

test('the local end of an outgoing connection is found, which no listing of listeners shows', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(client, 'connect');
  const port = client.localPort as number;
  expect(await probe('tcp', [port])).toEqual([{ port, reason: 'EADDRINUSE' }]);
  client.destroy();
  server.close();
});

test('UDP and TCP ports are apart', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  expect(await probe('udp', [port])).toEqual([{ port, reason: 'EADDRINUSE' }]);
  expect(await probe('tcp', [port])).toEqual([]);
  socket.close();
  await once(socket, 'close');
  expect(await probe('udp', [port])).toEqual([]);
});
