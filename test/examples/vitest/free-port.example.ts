import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '@portolan/client/node';
import { expect, test } from 'vitest';

const SERVER = `require('node:http').createServer((_, response) => response.end('found'))
  .listen(process.env.PORT, '127.0.0.1', () => console.log('ready'))`;

test('the search finds something', async () => {
  await using own = await freePort();
  const search = spawn(process.execPath, ['-e', SERVER], { env: { ...process.env, PORT: String(own.port) } });
  await once(search.stdout, 'data');
  expect(await (await fetch(`http://127.0.0.1:${own.port}/`)).text()).toBe('found');
  search.kill();
});
