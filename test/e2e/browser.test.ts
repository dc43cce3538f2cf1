import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { type AddressInfo, connect as dial } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type PortolanClient } from '@portolan/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { browserUnavailable, openBrowser } from '../support/browser.ts';
import { freePort } from '../support/port.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 90_000, interval: 100 };

/** Where the modules that a page imports lie: as they are in the repository, their types taken out on the way. */
const folders: Record<string, string> = {
  client: fileURLToPath(new URL('.', import.meta.resolve('@portolan/client'))),
  model: fileURLToPath(new URL('.', import.meta.resolve('@portolan/model'))),
};

const PAGE = `<!doctype html><script type="importmap">
{ "imports": {
  "@portolan/client": "/modules/client/index.ts", "@portolan/model/plain": "/modules/model/plain.ts"
} }
</script><script type="module">
const say = (what) => fetch('/say', { method: 'POST', body: JSON.stringify(what) });
addEventListener('error', ({ message }) => say({ error: message }));
addEventListener('unhandledrejection', ({ reason }) => say({ error: String(reason) }));
// Chromium lets go of what it fetches when a network comes or goes, as those of other tests do.
const { connect, isProblem } = await import('@portolan/client').catch(() => {
  location.reload();
  return new Promise(() => {});
});
const client = connect({ url: location.origin, token: new URLSearchParams(location.hash.slice(1)).get('token') });
const reserved = await client.reserve({ project: 'page', service: 'own', ttl: 60 });
const refused = await client.reserve({ project: 'page', service: 'other', port: reserved.port }).catch((error) => error);
await say({ reserved: reserved.port, refused: isProblem(refused, 'port-taken') && refused.data.owner });
for await (const event of client.watch({ topics: ['assignment'], filter: { project: 'page' } })) {
  if (event.type === 'snapshot') await say({ snapshot: event.entries.map(({ key }) => key) });
  if (event.type === 'synced') await say({ synced: true });
  if (event.type === 'change') await say({ change: event.events.map(({ op, key }) => op + ' ' + key) });
}
</script>`;

/** It asks a coordinator of another origin, and then a place where there is none. */
const FOREIGN = `${PAGE.slice(0, PAGE.indexOf('const client ='))}
const where = new URLSearchParams(location.hash.slice(1));
for (const url of where.getAll('url')) {
  const began = performance.now();
  const error = await connect({ url, token: where.get('token') }).assignments().catch((error) => error);
  await say({ foreign: url, code: error.code, message: error.message, took: performance.now() - began });
}
</script>`;

let bench: Workbench;
let client: PortolanClient;
let url: string;
const said: Record<string, unknown>[] = [];

/** A page and the coordinator behind it, on one origin, as a reverse proxy makes them. */
const front = createServer(async (incoming, response) => {
  const path = incoming.url ?? '/';
  const [, folder = '', file = ''] = /^\/modules\/(\w+)\/(.+)$/.exec(path) ?? [];
  if (path === '/foreign') return response.writeHead(200, { 'content-type': 'text/html' }).end(FOREIGN);
  if (path === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
  if (path === '/say') {
    said.push(JSON.parse(await bodyOf(incoming)));
    return response.writeHead(204).end();
  }
  if (path.startsWith('/v1/')) {
    const { port } = new URL(url);
    const { origin: _, ...headers } = incoming.headers;
    const onward = request({
      host: '127.0.0.1',
      port,
      path,
      method: incoming.method ?? 'GET',
      headers: { ...headers, host: `127.0.0.1:${port}` },
    });
    onward.on('response', (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers)));
    return incoming.pipe(onward);
  }
  const directory = folders[folder];
  if (!directory) return response.writeHead(404).end();
  const source = readFileSync(join(directory, file), 'utf8');
  const text = file.endsWith('.ts') ? stripTypeScriptTypes(source) : source;
  return response.writeHead(200, { 'content-type': 'text/javascript' }).end(text);
});
front.on('upgrade', ({ url: path, headers }, socket, head) => {
  const { port } = new URL(url);
  const onward = dial(Number(port), '127.0.0.1', () => {
    const { origin: _, ...rest } = headers;
    const lines = Object.entries({ ...rest, host: `127.0.0.1:${port}` }).map(([name, value]) => `${name}: ${value}`);
    onward.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    onward.write(head);
    onward.pipe(socket).pipe(onward);
  });
  for (const end of [onward, socket]) end.on('error', () => [onward, socket].forEach((each) => void each.destroy()));
});

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += chunk;
  return text;
}

beforeAll(async () => {
  bench = new Workbench();
  ({ url } = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')]));
  client = connect({ url, token: bench.token });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
});
afterAll(async () => {
  front.closeAllConnections();
  front.close();
  await bench.clear();
});

test('a page reserves, is refused with reasons, and watches', async (context) => {
  const unavailable = browserUnavailable();
  context.skip(unavailable !== undefined, unavailable);
  said.length = 0;
  const { port } = front.address() as AddressInfo;
  const browser = openBrowser(bench, `http://127.0.0.1:${port}/#token=${bench.token}`);
  try {
    await vi.waitFor(() => expect(said).toContainEqual({ synced: true }), patient);
    const own = (await client.assignments({ project: 'page', service: 'own' })).items[0]?.port;
    expect(said.slice(0, 2)).toEqual([{ reserved: own, refused: 'page/own' }, { snapshot: [`assignment/tcp/${own}`] }]);
    const reserved = await client.reserve({ project: 'page', service: 'later' });
    const put = `put assignment/tcp/${reserved.port}`;
    await vi.waitFor(() => expect(said.at(-1)).toEqual({ change: [put] }), patient);
    expect(said.filter((each) => 'error' in each)).toEqual([]);
  } finally {
    await browser.end();
  }
});

test('a page of an origin that is not allowed is told the option that allows it, and soon', async (context) => {
  const unavailable = browserUnavailable();
  context.skip(unavailable !== undefined, unavailable);
  said.length = 0;
  const { port } = front.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  const hash = new URLSearchParams([
    ['token', bench.token],
    ['url', url],
    ['url', nowhere],
  ]);
  const browser = openBrowser(bench, `${origin}/foreign#${hash}`);
  try {
    await vi.waitFor(() => expect(said).toHaveLength(2), patient);
    const [there, away] = said as { code: string; message: string; took: number }[];
    expect(there).toMatchObject({ foreign: url, code: 'unreachable' });
    // A browser tells no page which of the two it is.
    expect(there!.message).toContain(`No coordinator answered this page: ${url}`);
    expect(there!.message).toContain(`does not allow pages of another origin: start it with --allow-origin ${origin}`);
    expect(away!.message).toContain(`portolan up --allow-origin ${origin}`);
    expect(Math.max(there!.took, away!.took)).toBeLessThan(2_000);
  } finally {
    await browser.end();
  }
});
