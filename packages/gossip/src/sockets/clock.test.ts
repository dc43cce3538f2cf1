import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { realClock } from './clock.ts';

test('after a stall of this process, what has arrived meanwhile is heard before a timeout', async () => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  const heard: string[] = [];
  socket.on('message', () => heard.push('packet'));
  const timeout = new Promise<void>((resolve) => {
    realClock.after(100, () => {
      heard.push('timeout');
      resolve();
    });
  });
  await new Promise((resolve) => socket.send('x', port, '127.0.0.1', resolve));
  // In the check phase, so that the timers come first when the loop goes on.
  await new Promise<void>((resolve) =>
    setImmediate(() => {
      const until = performance.now() + 300;
      while (performance.now() < until);
      resolve();
    }),
  );
  await timeout;
  socket.close();
  expect(heard).toEqual(['packet', 'timeout']);
});

test('a timer that was called off does not fire, nor in the turn in which it was due', async () => {
  const fired: string[] = [];
  const early = realClock.after(5, () => fired.push('early'));
  early.cancel();
  const first = realClock.after(10, () => {
    fired.push('first');
    second.cancel();
  });
  const second = realClock.after(10, () => fired.push('second'));
  await new Promise<void>((resolve) => realClock.after(50, resolve));
  expect(fired).toEqual(['first']);
  first.cancel();
});
