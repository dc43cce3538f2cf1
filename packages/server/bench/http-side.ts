// One side of the comparison over HTTP, in a process of its own: `portolan` or `peer`.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { pino } from 'pino';
import { startServer } from '../src/main.ts';
import { openPeer } from './evalsha-peer.ts';

const [kind, url, fleet, acknowledgement] = process.argv.slice(2) as [string, string, string, string];

if (kind === 'portolan') {
  const store = { kind: 'redis', url, fleet, acknowledgement } as const;
  const server = await startServer({ port: 0, token: 'bench', logger: pino({ level: 'silent' }), store });
  process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));
  process.send?.(Number(new URL(server.url).port));
} else {
  const peer = await openPeer(url, fleet, 1_100, 65_000);
  const app = new Hono();
  app.post('/v1/assignments', async (c) => {
    const { service } = await c.req.json<{ service: string }>();
    const [revision, port] = (await peer.reserve(service)) as [number, number];
    return c.json({ port, revision }, 201);
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => {
    process.send?.(((server as Server).address() as AddressInfo).port);
  });
  process.on('SIGTERM', () => process.exit(0));
}
