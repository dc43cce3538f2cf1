import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { ServerFrame } from '@portolan/model';
import { type WebSocket, WebSocketServer } from 'ws';
import { freePort } from '../../../test/support/port.ts';

export interface Asked {
  method: string;
  path: string;
  body: unknown;
  headers: IncomingMessage['headers'];
}

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** What a stream's client sent as its first two frames. */
export interface Subscription {
  /** With what is asked for in it. */
  path: string;
  token: string;
  position: string | undefined;
  socket: WebSocket;
  send(...frames: ServerFrame[]): void;
}

/**
 * A coordinator for tests of failure: real sockets, and answers as the test says, such as none at all.
 *
 * @param answer `hang` leaves the request open, `reset` breaks the connection
 */
export async function fakeCoordinator(
  answer: (asked: Asked) => Answer | 'hang' | 'reset',
  onSubscribe: (subscription: Subscription) => void = () => {},
) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { method = '', url: path = '', headers } = request;
    const ask: Asked = { method, path, body: text ? JSON.parse(text) : undefined, headers };
    asked.push(ask);
    const given = answer(ask);
    if (given === 'hang') return;
    if (given === 'reset') return request.socket.destroy();
    const { status = 200, body = {} } = given;
    const type = status >= 400 ? 'application/problem+json' : 'application/json';
    response.writeHead(status, { 'content-type': type, ...given.headers }).end(JSON.stringify(body));
  });
  const sockets = new WebSocketServer({ server, path: '/v1/stream' });
  sockets.on('connection', (socket, { url: path = '' }) => {
    const frames: { type: string; token?: string; position?: string }[] = [];
    socket.on('message', (data) => {
      frames.push(JSON.parse(String(data)));
      const [auth, subscribe] = frames;
      if (frames.length !== 2 || !auth || !subscribe) return;
      const send = (...out: ServerFrame[]) => out.forEach((frame) => socket.send(JSON.stringify(frame)));
      onSubscribe({ path, token: auth.token ?? '', position: subscribe.position, socket, send });
    });
  });

  const port = await freePort();
  const start = async () => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const stop = async () => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  await start();
  return { url: `http://127.0.0.1:${port}`, asked, sockets: sockets.clients, start, stop, [Symbol.asyncDispose]: stop };
}
