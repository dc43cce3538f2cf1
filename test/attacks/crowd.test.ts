import { once } from 'node:events';
import { connect } from '@portolan/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import WebSocket from 'ws';
import { Workbench } from '../support/workbench.ts';

const CROWD = 1_000;

let bench: Workbench;
let url: string;
let sockets: WebSocket[];

beforeEach(async () => {
  bench = new Workbench();
  sockets = [];
  ({ url } = await bench.coordinator([]));
});
afterEach(async () => {
  for (const socket of sockets) socket.terminate();
  await bench.clear();
});

function open(headers: Record<string, string> = {}): WebSocket {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, { headers });
  // Of those that are turned away.
  socket.on('error', () => {});
  sockets.push(socket);
  return socket;
}

/** @returns whether the first thing that comes is the stream, and not its end */
async function subscribed(socket: WebSocket, token?: string): Promise<boolean> {
  const outcome = Promise.race([once(socket, 'message').then(() => true), once(socket, 'close').then(() => false)]);
  socket.once('open', () => {
    if (token !== undefined) socket.send(JSON.stringify({ type: 'auth', token }));
    socket.send(JSON.stringify({ type: 'subscribe', topics: ['finding'] }));
  });
  return outcome.catch(() => false);
}

for (const way of ['the header', 'the first frame'] as const) {
  test(`${CROWD} subscribers of one address get in at once when they have a good token, in ${way}`, async () => {
    const { token } = await connect({ url, token: bench.token }).createToken({ role: 'viewer', name: 'crowd' });
    const began = performance.now();
    const outcomes = Array.from({ length: CROWD }, () =>
      way === 'the header' ? subscribed(open({ authorization: `Bearer ${token}` })) : subscribed(open(), token),
    );
    const inside = (await Promise.all(outcomes)).filter((each) => each).length;
    console.log(`${inside} subscribers in ${Math.round(performance.now() - began)} ms, token in ${way}`);
    expect(inside).toBe(CROWD);
  });
}

test('however many silent connections there are of an address, whoever says who it is gets in', async () => {
  const silent = Array.from({ length: 2_100 }, () => open());
  await Promise.all(silent.map((socket) => Promise.race([once(socket, 'open'), once(socket, 'close')])));
  expect(await subscribed(open(), bench.token)).toBe(true);
});
