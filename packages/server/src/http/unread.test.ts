import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cutUnread } from './unread.ts';

const MiB = 2 ** 20;
const WITHIN = 150;

let server: Server;
let taken: Socket | undefined;

beforeEach(async () => {
  server = createServer(async ({ url, socket }, answer) => {
    taken = socket;
    if (url === '/slow') await new Promise((resolve) => setTimeout(resolve, 3 * WITHIN));
    answer.end(url === '/large' ? Buffer.alloc(64 * MiB) : 'done');
  });
  cutUnread(server, WITHIN);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function ask(path: string): Socket {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nhost: one\r\nconnection: close\r\n\r\n`);
  return socket.on('error', () => {});
}

test('whoever asks and reads nothing is cut', async () => {
  const socket = ask('/large').pause();
  await once(server, 'request');
  await once(taken!, 'close');
  expect(taken!.destroyed).toBe(true);
  socket.destroy();
});

test('whoever waits for an answer that takes long, and then reads it, is not', async () => {
  let text = '';
  for await (const chunk of ask('/slow')) text += chunk;
  expect(text).toMatch(/^HTTP\/1.1 200[\s\S]*done/);
});
