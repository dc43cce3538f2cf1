import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Authority, certificatesUnavailable } from '../../../test/support/certificates.ts';
import { fakeCoordinator } from './fake-coordinator.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A proxy that leads all tunnels to one place, and lists what it was asked for. */
async function proxyTo(url: string) {
  const asked: string[] = [];
  const proxy: Server = createServer((_request, response) => response.writeHead(500).end());
  proxy.on('connect', ({ url: place = '' }, socket) => {
    asked.push(place);
    const far = connectSocket(Number(new URL(url).port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(far).pipe(socket);
    });
    for (const each of [far, socket]) each.on('error', () => {});
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  ends.push(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { asked, url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
}

const ON_NODE = new URL('on-node.ts', import.meta.url).href;
const NODE = new URL('node.ts', import.meta.url).href;
const PROGRAM = `
const [url, files] = process.argv.slice(1);
const { connect } = await import('${ON_NODE}');
const { fromEnvironment } = await import('${NODE}');
const make = files ? fromEnvironment : connect;
const client = await make({ url, token: 'ptn_secret', patience: 0 });
const say = (text) => console.log(text);
say(await client.hosts().then(() => 'asked', (error) => error.message));
if (process.env.ONCE) process.exit();
const end = new AbortController();
setTimeout(() => end.abort(), 5_000).unref();
for await (const { type } of client.watch({ topics: ['host'], signal: end.signal })) {
  say(type);
  break;
}
process.exit();
`;

async function asks(url: string, environment: Record<string, string>): Promise<string[]> {
  const files = environment.PORTOLAN_CA ? ['files'] : [];
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, url, ...files], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (data) => {
    told += data;
  });
  await once(child, 'close');
  return told.trim().split('\n');
}

const coordinator = () =>
  fakeCoordinator(
    () => ({ body: { items: [], position: '1-1', next: null } }),
    ({ send }) => send({ type: 'synced', position: '1-1' } as never),
  );

test('a coordinator on another machine is reached by the proxy that Node is told to use, its stream too', async () => {
  await using fake = await coordinator();
  const proxy = await proxyTo(fake.url);
  const environment = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url };
  // Of the documentation: nobody has that address, and no name ends so.
  expect(await asks('http://192.0.2.7:7678', environment)).toEqual(['asked', expect.any(String)]);
  expect(await asks('http://fleet.invalid:7678', environment)).toEqual(['asked', expect.any(String)]);
  expect(new Set(proxy.asked)).toEqual(new Set(['192.0.2.7:7678', 'fleet.invalid:7678']));
  expect(fake.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer ptn_secret', 'Bearer ptn_secret']);
});

test('so is one by https, with the files that are given', async ({ skip }) => {
  skip(certificatesUnavailable() !== undefined, certificatesUnavailable());
  const directory = mkdtempSync(join(tmpdir(), 'portolan-proxied-'));
  ends.push(() => rmSync(directory, { recursive: true }));
  const authority = new Authority(directory, 'authority');
  const pair = authority.issue('fleet', 'DNS:fleet.invalid');
  const [cert, key, ca] = [pair.cert, pair.key, authority.cert].map((file) => readFileSync(file));
  const shown: unknown[] = [];
  const server = createSecureServer(
    { cert, key, ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      shown.push(request.headers.authorization);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ items: [], position: '1-1', next: null }));
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  const proxy = await proxyTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const environment = {
    ...{ NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: proxy.url, PORTOLAN_CA: authority.cert },
    ...{ PORTOLAN_CERT: pair.cert, PORTOLAN_KEY: pair.key, ONCE: '1' },
  };
  expect(await asks('https://fleet.invalid', environment)).toEqual(['asked']);
  expect([proxy.asked, shown]).toEqual([['fleet.invalid:443'], ['Bearer ptn_secret']]);
});

test('one on this machine is never asked by way of a proxy, whatever it is called', async () => {
  await using fake = await coordinator();
  const proxy = await proxyTo(fake.url);
  const environment = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
  for (const name of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]']) {
    expect(await asks(fake.url.replace('127.0.0.1', name), environment)).toEqual(['asked', expect.any(String)]);
  }
  // It listens on 127.0.0.1 alone, and the name may be of another address.
  await asks(fake.url.replace('127.0.0.1', hostname()), environment);
  expect(proxy.asked).toEqual([]);
});

test('an authority that is not known, and a URL without TLS to what speaks it, are told with what to do', async ({
  skip,
}) => {
  const unavailable = certificatesUnavailable();
  skip(unavailable !== undefined, unavailable);
  const directory = mkdtempSync(join(tmpdir(), 'portolan-tls-'));
  ends.push(() => rmSync(directory, { recursive: true }));
  const { cert, key } = new Authority(directory, 'ours').issue('coordinator', 'IP:127.0.0.1');
  const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_request, response) =>
    response.end('{}'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const [untrusted = ''] = await asks(`https://127.0.0.1:${port}`, { ONCE: '1' });
  expect(untrusted).toContain('PORTOLAN_CA');
  expect(untrusted).not.toMatch(/use-system-ca|portolan up/);
  const [withoutTls = ''] = await asks(`http://127.0.0.1:${port}`, { ONCE: '1' });
  expect(withoutTls).toContain('it speaks TLS: write https:// instead of http://');
});
