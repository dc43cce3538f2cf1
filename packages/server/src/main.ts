import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import { startCoordinator } from './coordinator.ts';
import { createApp } from './http/app.ts';
import { Gate } from './http/gate.ts';
import { openRedisStore } from './store/redis-store.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';

export interface ServerOptions {
  /** Address to listen on. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port?: number;
  /** What callers show as `authorization: Bearer …`. */
  readonly token: string;
  readonly store:
    | { readonly kind: 'sqlite'; readonly path: string }
    | { readonly kind: 'redis'; readonly url: string; readonly fleet?: string; readonly acknowledgement?: string };
  readonly logger: Logger;
}

export interface RunningServer {
  readonly url: string;
  /** Lets requests under way finish, closes streams with a code that says why, then the store. */
  stop(): Promise<void>;
}

const WEBSOCKET_FRAME_MAX = 64 * 1024;
/** How long requests under way may still take when the coordinator stops, ms. */
const DRAIN_WITHIN = 5_000;

/** Starts a coordinator. @throws PortolanError `store-unavailable`; Error with `code` `EADDRINUSE` and its kin */
export async function startServer({
  host = '127.0.0.1',
  port = 7678,
  token,
  store,
  logger,
}: ServerOptions): Promise<RunningServer> {
  const coordinator = await startCoordinator(await openStore(store, logger), logger);
  let serving = true;
  const app = createApp({ ...coordinator, gate: new Gate(token), logger, serving: () => serving });

  const sockets = new WebSocketServer({ noServer: true, maxPayload: WEBSOCKET_FRAME_MAX, perMessageDeflate: false });
  const server = serve({ fetch: app.fetch, hostname: host, port, websocket: { server: sockets } }) as Server;
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  try {
    await listening(server);
  } catch (error) {
    await coordinator.stop();
    throw error;
  }
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  logger.info({ url }, 'the coordinator is ready');

  const stop = async () => {
    logger.info('the coordinator stops');
    serving = false;
    const closed = once(server, 'close');
    server.close();
    coordinator.hub.stop();
    // A connection that is kept alive becomes idle when its answer is out, which may be after the first look.
    server.closeIdleConnections();
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    const late = setTimeout(() => server.closeAllConnections(), DRAIN_WITHIN);
    await closed;
    clearInterval(idle);
    clearTimeout(late);
    sockets.close();
    await coordinator.stop();
  };
  let stopped: Promise<void> | undefined;
  return {
    url,
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

async function openStore(at: ServerOptions['store'], logger: Logger): Promise<Store> {
  if (at.kind === 'sqlite') return openSqliteStore({ path: at.path });
  const { url, fleet, acknowledgement } = at;
  return openRedisStore({ url, logger, ...(fleet && { fleet }), ...(acknowledgement && { acknowledgement }) });
}

async function listening(server: Server): Promise<void> {
  if (server.listening) return;
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
}
