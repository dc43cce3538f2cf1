import { EventEmitter, once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { browserUnavailable, openBrowser } from '../support/browser.ts';
import { Authority, certificatesUnavailable } from '../support/certificates.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.clear());

describe('TLS', () => {
  const unavailable = certificatesUnavailable();
  beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

  test('a wider bind starts with a certificate, and clients that trust its authority work: CLI, agent, stream', async () => {
    const authority = new Authority(bench.directory, 'authority');
    const { cert, key } = authority.issue('server');
    const trusting = { environment: { PORTOLAN_CA: authority.cert } };
    const { url } = await bench.coordinator(['--host', '0.0.0.0', '--tls-cert', cert, '--tls-key', key]);
    expect(url).toMatch(/^https:/);
    const reached = url.replace('0.0.0.0', '127.0.0.1');

    const distrusting = await bench.portolan(['hosts', '--url', reached]).ended;
    expect(distrusting.code).toBe(5);
    expect(distrusting.stderr).toMatch(/certificate/i);

    await bench.agent(reached, 'host-a', [], trusting);
    const watch = bench.portolan(['watch', '--topic', 'assignment', '--url', reached], trusting);
    await watch.says(/live/);
    const reserved = await bench.portolan(['reserve', 'shop/cart', '--url', reached], trusting).ended;
    expect(reserved).toMatchObject({ code: 0, stderr: '' });
    await watch.says(new RegExp(`\\+ assignment +tcp ${reserved.stdout.trim()} `));
  });

  test('where a client certificate is asked for, nobody gets in without one', async () => {
    const authority = new Authority(bench.directory, 'authority');
    const strangers = new Authority(bench.directory, 'strangers');
    const server = authority.issue('server');
    const [client, stranger] = [authority.issue('client'), strangers.issue('stranger')];
    const tls = ['--tls-cert', server.cert, '--tls-key', server.key, '--tls-client-ca', authority.cert];
    const { url } = await bench.coordinator(tls);
    const with_ = (environment: Record<string, string>) =>
      bench.portolan(['hosts', '--url', url], { environment: { PORTOLAN_CA: authority.cert, ...environment } }).ended;
    expect((await with_({})).code).toBe(5);
    expect((await with_({ PORTOLAN_CERT: stranger.cert, PORTOLAN_KEY: stranger.key })).code).toBe(5);
    expect((await with_({ PORTOLAN_CERT: client.cert, PORTOLAN_KEY: client.key })).code).toBe(0);
    expect((await with_({ PORTOLAN_CERT: client.cert })).stderr).toContain('PORTOLAN_KEY');
  });

  test('a new certificate is used without a restart and without dropping a connection; a bad one is not', async () => {
    const authority = new Authority(bench.directory, 'authority');
    const [first, second] = [authority.issue('first'), authority.issue('second')];
    const live = { cert: join(bench.directory, 'live.pem'), key: join(bench.directory, 'live.key') };
    const install = ({ cert, key }: typeof live) => {
      copyFileSync(cert, live.cert);
      copyFileSync(key, live.key);
    };
    install(first);
    const { program, url } = await bench.coordinator(['--tls-cert', live.cert, '--tls-key', live.key]);
    const ca = readFileSync(authority.cert);
    const headers = { authorization: `Bearer ${bench.token}` };
    const stream = new WebSocket(`${url.replace('https', 'wss')}/v1/stream`, { ca, headers });
    await once(stream, 'open');
    const kept = new Agent({ keepAlive: true, maxSockets: 1, ca });
    const subject = async (agent: Agent) => {
      const [answer] = (await once(httpsRequest(`${url}/livez`, { agent }).end(), 'response')) as [IncomingMessage];
      const { socket } = answer as unknown as { socket: { getPeerCertificate(): { subject?: { CN?: string } } } };
      const name = socket.getPeerCertificate().subject?.CN;
      answer.resume();
      await once(answer, 'end');
      return name;
    };
    const fresh = () => subject(new Agent({ ca }));
    expect(await subject(kept)).toBe('first');

    install(second);
    await vi.waitFor(async () => expect(await fresh()).toBe('second'), patient);
    expect(stream.readyState).toBe(WebSocket.OPEN);

    copyFileSync(first.key, live.key);
    await vi.waitFor(() => expect(program.stderr).toContain('cannot be used'), patient);
    expect(await fresh()).toBe('second');
    stream.terminate();
    kept.destroy();
  });

  test('a file that cannot be used is told at the start, by name', async () => {
    const { cert, key } = new Authority(bench.directory, 'authority').issue('server');
    const start = (...args: string[]) =>
      bench.portolan(['server', '--port', '0', '--log-level', 'silent', ...args]).ended;
    expect(await start('--tls-cert', key, '--tls-key', key)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('server.key is no PEM certificate'),
    });
    expect(await start('--tls-cert', cert)).toMatchObject({ code: 2, stderr: expect.stringContaining('--tls-key') });
  });
});

describe('a wider bind', () => {
  test('is refused without TLS, for whoever starts it', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.77']) {
      const { code, stderr } = await bench.portolan(['server', '--host', host, '--port', '0']).ended;
      expect(code).toBe(4);
      expect(stderr).toContain('--tls-cert');
      expect(stderr).toContain('--insecure-bind');
    }
  });
});

describe('a proxy in front', () => {
  test('is named by an option or the environment; a network that is none is told at the start', async () => {
    const seenBy = async (url: string) => {
      const authorization = `Bearer ${bench.token}`;
      const headers = { authorization, 'x-forwarded-for': '198.51.100.4', 'content-type': 'application/json' };
      const body = JSON.stringify({ from: 4000, to: 4000, protocol: null, reason: 'a test' });
      await fetch(`${url}/v1/blocks`, { method: 'POST', headers, body });
      const trail = await fetch(`${url}/v1/audit?limit=1`, { headers });
      return ((await trail.json()) as { items: { address: string }[] }).items[0]?.address;
    };
    const file = (name: string) => ['--data', join(bench.directory, `${name}.sqlite`)];
    const named = await bench.coordinator([
      ...file('a'),
      '--trusted-proxy',
      '10.0.0.0/8',
      '--trusted-proxy',
      '127.0.0.1',
    ]);
    expect(await seenBy(named.url)).toBe('198.51.100.4');
    const environment = { PORTOLAN_TRUSTED_PROXY: '10.0.0.0/8, 127.0.0.0/8' };
    const known = await bench.coordinator(file('b'), { environment });
    expect(await seenBy(known.url)).toBe('198.51.100.4');
    const wrong = await bench.portolan(['server', '--port', '0', '--trusted-proxy', 'proxy.example.net']).ended;
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain('"proxy.example.net" is no network of proxies');
  });
});

describe('names', () => {
  /** With a Host header of one's own, which fetch does not allow. */
  async function ask(
    url: string,
    path: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; body: string }> {
    const authorization = `Bearer ${bench.token}`;
    const [answer] = (await once(httpGet(url + path, { headers: { authorization, ...headers } }), 'response')) as [
      IncomingMessage,
    ];
    return { status: answer.statusCode ?? 0, body: await text(answer) };
  }

  test('a name that was pointed at the coordinator by somebody else is answered by nothing but a refusal', async () => {
    const { url } = await bench.coordinator(['--allow-host', 'ports.example.net']);
    const { port } = new URL(url);
    for (const path of ['/v1/hosts', '/v1/openapi.json', '/livez', '/metrics', '/reference', '/nothing']) {
      const { status, body } = await ask(url, path, { host: `evil.example:${port}` });
      expect(status, path).toBe(421);
      expect(JSON.parse(body)).toMatchObject({ code: 'misdirected', detail: expect.stringContaining('--allow-host') });
    }
    for (const host of [`localhost:${port}`, 'ports.example.net', `127.0.0.1:${port}`]) {
      expect((await ask(url, '/v1/hosts', { host })).status, host).toBe(200);
    }
    const headers = { authorization: `Bearer ${bench.token}`, host: `evil.example:${port}` };
    const stream = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, { headers });
    const [error] = (await once(stream, 'error')) as [Error];
    expect(error.message).toContain('421');
  });

  test('a page of another origin can neither read nor open the stream, in a real browser; one that was allowed can', async (context) => {
    const unavailable = browserUnavailable();
    context.skip(unavailable !== undefined, unavailable);
    const { url } = await bench.coordinator([]);
    const heard = new EventEmitter();
    const page = createServer(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
      if (pathname === '/told') heard.emit('told', JSON.parse(await text(request)));
      response.setHeader('content-type', 'text/html');
      response.end(pageOf(searchParams.get('of') ?? '', bench.token));
    }).listen(0, '127.0.0.1');
    await once(page, 'listening');
    const elsewhere = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
    const browse = async (of: string) => {
      const told = once(heard, 'told') as Promise<[Record<string, string>]>;
      const browser = openBrowser(bench, `${elsewhere}/?of=${encodeURIComponent(of)}`);
      const [first] = await told;
      await browser.end();
      return first;
    };
    try {
      const told = await browse(url);
      expect(told).toMatchObject({
        plain: 'failed',
        token: 'failed',
        write: 'failed',
        document: 'failed',
        stream: 'failed',
      });
      const { url: lenient } = await bench.coordinator([
        '--allow-origin',
        elsewhere,
        '--data',
        join(bench.directory, 'b.sqlite'),
      ]);
      expect(await browse(lenient)).toMatchObject({
        plain: '401',
        token: '200',
        write: '201',
        document: '200',
        stream: 'synced',
      });
    } finally {
      page.close();
    }
  });
});

function pageOf(coordinator: string, token: string): string {
  return `<!doctype html><script>
const told = {};
const url = ${JSON.stringify(coordinator)};
const authorization = 'Bearer ${token}';
const ask = (name, path, options) =>
  fetch(url + path, options).then((answer) => { told[name] = String(answer.status); }, () => { told[name] = 'failed'; });
const stream = new Promise((resolve) => {
  const socket = new WebSocket(url.replace('http', 'ws') + '/v1/stream');
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: 'auth', token: '${token}' }));
    socket.send(JSON.stringify({ type: 'subscribe', topics: ['finding'] }));
  };
  socket.onmessage = ({ data }) => { if (JSON.parse(data).type === 'synced') { told.stream = 'synced'; resolve(); } };
  socket.onclose = () => { told.stream ??= 'failed'; resolve(); };
});
const body = JSON.stringify({ project: 'page', service: 'page' });
Promise.all([
  ask('plain', '/v1/hosts'),
  ask('token', '/v1/hosts', { headers: { authorization } }),
  ask('write', '/v1/assignments', { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body }),
  ask('document', '/v1/openapi.json'),
  stream,
]).then(() => fetch('/told', { method: 'POST', body: JSON.stringify(told) }));
</script>`;
}
