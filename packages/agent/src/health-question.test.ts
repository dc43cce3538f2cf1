import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Listener } from '@portolan/model';
import { afterEach, describe, expect, test } from 'vitest';
import { askHealth } from './health-question.ts';

const cleanup: (() => unknown)[] = [];
afterEach(() => {
  for (const each of cleanup.splice(0)) each();
});

async function serve(answer: RequestListener, address = '127.0.0.1'): Promise<number> {
  const server: Server = createServer(answer).listen(0, address);
  await once(server, 'listening');
  cleanup.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const listener = (port: number, address = '127.0.0.1', over: Partial<Listener> = {}): Listener => ({
  protocol: 'tcp',
  address,
  port,
  netns: 'host',
  v6only: false,
  socket: '1',
  process: null,
  container: null,
  identity: null,
  since: '2026-11-21T08:00:00.000Z',
  ...over,
});

const check = (port: number, path = '/health', name: string | null = null) => ({
  kind: 'http' as const,
  port,
  path,
  name,
});

describe('a service', () => {
  test('passes with 2xx and 3xx, fails with anything else, and is told by the status alone', async () => {
    let status = 200;
    const port = await serve((_request, response) => response.writeHead(status).end('secret'));
    for (const [given, passed] of [
      [200, true],
      [204, true],
      [302, true],
      [404, false],
      [503, false],
    ] as const) {
      status = given;
      const answer = await askHealth(check(port), [listener(port)]);
      expect(answer).toMatchObject({ passed, code: given, detail: passed ? '' : `answered ${given}` });
      expect(JSON.stringify(answer)).not.toContain('secret');
    }
  });

  test('is asked by GET for the path, under the name of the URL, with no credentials', async () => {
    const asked: string[] = [];
    const port = await serve(({ method, url, headers }, response) => {
      asked.push(`${method} ${url} ${headers.host} ${headers.authorization} ${headers['user-agent']}`);
      response.end();
    });
    await askHealth(check(port, '/up?deep=1', 'mana-sync:3050'), [listener(port)]);
    await askHealth(check(port), [listener(port)]);
    expect(asked).toEqual([
      'GET /up?deep=1 mana-sync:3050 undefined portolan-agent',
      `GET /health 127.0.0.1:${port} undefined portolan-agent`,
    ]);
  });

  test('is not followed where it redirects to', async () => {
    let reached = 0;
    const elsewhere = await serve((_request, response) => {
      reached++;
      response.end();
    });
    const port = await serve((_request, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${elsewhere}/` }).end(),
    );
    expect(await askHealth(check(port), [listener(port), listener(elsewhere)])).toMatchObject({
      passed: true,
      code: 302,
    });
    expect(reached).toBe(0);
  });

  test('fails when it does not answer in time, breaks off, or speaks something else', async () => {
    const silent = await serve(() => {});
    expect(await askHealth(check(silent), [listener(silent)], 100)).toMatchObject({
      passed: false,
      detail: 'no answer within 0.1 s',
    });
    const tcp = createTcp((socket) => {
      socket.on('error', () => {}).resume();
      socket.end('220 mail ready\r\n');
    }).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    cleanup.push(() => tcp.close());
    const { port } = tcp.address() as AddressInfo;
    expect(await askHealth(check(port), [listener(port)])).toMatchObject({
      passed: false,
      code: null,
      detail: 'it does not speak HTTP',
    });
    expect(await askHealth({ ...check(port), kind: 'https' }, [listener(port)])).toMatchObject({ passed: false });
    expect(await askHealth({ ...check(port), kind: 'tcp' }, [listener(port)])).toMatchObject({
      passed: true,
      code: null,
    });
    tcp.close();
    await once(tcp, 'close');
    expect(await askHealth({ ...check(port), kind: 'tcp' }, [listener(port)])).toMatchObject({
      passed: false,
      detail: 'connection refused',
    });
  });

  test('that sends headers without end is given up', async () => {
    const tcp = createTcp((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write(`x-${'y'.repeat(1000)}: z\r\n`), 1);
      socket.on('close', () => clearInterval(drip));
    }).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    cleanup.push(() => tcp.close());
    const { port } = tcp.address() as AddressInfo;
    expect(await askHealth(check(port), [listener(port)])).toMatchObject({ passed: false });
  });
});

describe('nobody else is asked', () => {
  const refused = { passed: false, code: null, detail: expect.stringContaining('nobody listens') };

  test('than a socket that listens in the own namespace', async () => {
    let reached = 0;
    const port = await serve((_request, response) => {
      reached++;
      response.end();
    });
    expect(await askHealth(check(port), [])).toMatchObject(refused);
    expect(await askHealth(check(port), [listener(port + 1)])).toMatchObject(refused);
    expect(await askHealth(check(port), [listener(port, '127.0.0.1', { netns: 'net:[1]' })])).toMatchObject(refused);
    expect(await askHealth(check(port), [listener(port, '127.0.0.1', { protocol: 'udp' })])).toMatchObject(refused);
    expect(reached).toBe(0);
  });

  test('than an address of this machine: not a link-local one, nor one that is only bound here', async () => {
    for (const address of ['169.254.169.254', 'fe80::1%eth0', '::ffff:169.254.169.254', '192.0.2.99', '2001:db8::9']) {
      expect(await askHealth(check(80), [listener(80, address)]), address).toMatchObject(refused);
    }
  });

  test('whatever name the plan has for it', async () => {
    let host = '';
    const port = await serve((request, response) => {
      host = request.headers.host ?? '';
      response.end();
    });
    const metadata = '169.254.169.254';
    expect(await askHealth(check(port, '/latest/meta-data/', metadata), [listener(port)])).toMatchObject({
      passed: true,
    });
    expect(host).toBe(metadata);
  });

  test('with lines that a path or a name smuggles in', async () => {
    const port = await serve((_request, response) => response.end());
    for (const [path, name] of [
      ['/a\r\nx: y', null],
      ['/', 'a\r\nx: y'],
      ['/ä\u0000', null],
    ] as const) {
      expect(await askHealth(check(port, path, name), [listener(port)])).toMatchObject({ passed: false, code: null });
    }
  });
});

test('a wildcard is asked at loopback, an address of its own where it is', async () => {
  const wide = await serve((_request, response) => response.end(), '0.0.0.0');
  expect(await askHealth(check(wide), [listener(wide, '0.0.0.0')])).toMatchObject({ passed: true });
  expect(await askHealth(check(wide), [listener(wide, '::')])).toMatchObject({ passed: true });
  const own = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (!own) return;
  const there = await serve((_request, response) => response.end(), own.address);
  expect(await askHealth(check(there), [listener(there, own.address)])).toMatchObject({ passed: true });
});
