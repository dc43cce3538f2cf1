import { type IncomingMessage, type Server, createServer as serveHttp } from 'node:http';
import { createServer as serveHttps, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import type { SheetCluster } from '@portolan/gossip';
import { isLoopback, PortolanError } from '@portolan/model';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import { Proxies } from './access/address.ts';
import { Lobby } from './access/lobby.ts';
import { Logins } from './access/logins.ts';
import { Newcomers } from './access/newcomers.ts';
import { NameCheck } from './access/origin.ts';
import type { Principal } from './access/principal.ts';
import { Rate } from './access/rate.ts';
import { Sessions } from './access/sessions.ts';
import { readTls, type TlsContents, type TlsFiles, watchTls } from './access/tls-files.ts';
import { digestOf, Tokens } from './access/tokens.ts';
import { startCoordinator } from './coordinator.ts';
import { drainOf } from './drain.ts';
import { type GossipSettings, joinGossip } from './gossip/coordinator-gossip.ts';
import { createApp } from './http/app.ts';
import { Gate } from './http/gate.ts';
import { cutUnread } from './http/unread.ts';
import { startPresence } from './presence.ts';
import { openRedisStore } from './store/redis-store.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';

export interface ServerOptions {
  /** Address to listen on. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port?: number;
  /** What callers show as `authorization: Bearer …`. Whoever has it may do everything, and make tokens that may less. */
  readonly token: string;
  readonly tls?: TlsFiles | undefined;
  /** Listens beyond loopback without TLS. */
  readonly insecureBind?: boolean | undefined;
  /** Names that it is reached by, beside `localhost` and the address that it listens on. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Origins of pages on other servers that may use it: `https://ports.example.net`. */
  readonly allowOrigins?: readonly string[] | undefined;
  /** Networks of proxies whose word is taken on where a request comes from: `10.0.0.0/24`. */
  readonly trustedProxies?: readonly string[] | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** How long a required service, a host or a coordinator may be away before it is a finding, seconds; 30 unless told otherwise. */
  readonly grace?: number | undefined;
  /** Where the built dashboard lies, to be served at `/`; without it there is none. */
  readonly dashboard?: URL | undefined;
  /** How it takes part in the gossip of its fleet; without it, it does not. */
  readonly gossip?: GossipSettings | undefined;
  /** How others reach it by HTTP, when that is not where it listens. */
  readonly publicUrl?: string | undefined;
  /** How long the leases of a host that gossip lost are kept, seconds; 45 unless told otherwise. */
  readonly lockDelay?: number | undefined;
  readonly store:
    | { readonly kind: 'sqlite'; readonly path: string }
    | { readonly kind: 'redis'; readonly url: string; readonly fleet?: string; readonly acknowledgement?: string };
  readonly logger: Logger;
}

/** What one token, or one stranger, may take of a coordinator. Admins' tokens have no limits but `connections`. */
export interface Limits {
  /** Requests of one token a second, in the long run; five times as many at once. */
  readonly requests: number;
  /** Requests without a good token (health checks, scrapes, guesses), of each kind from one address; likewise. */
  readonly strangers: number;
  /** Streams that one token has open. */
  readonly streams: number;
  /** Connections of all clients together. */
  readonly connections: number;
}

const LIMITS: Limits = { requests: 1_000, strangers: 100, streams: 2_000, connections: 20_000 };

export interface RunningServer {
  readonly url: string;
  /** Its part in the gossip of the fleet; `undefined` without. */
  readonly cluster: SheetCluster | undefined;
  /** Lets requests under way finish, closes streams with a code that says why, then the store. */
  stop(): Promise<void>;
}

/** A token of the start with fewer characters might be guessed from its digest, which all members of the gossip hear. */
const GUESSABLE = 32;
const WEBSOCKET_FRAME_MAX = 64 * 1024;
/** For who dribbles: how long headers, a whole request and a TLS handshake may take, and how often that is looked at, ms. */
const PACE = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 2_000 };
const HANDSHAKE_TIMEOUT = 10_000;
/** How long the other end may take nothing of an answer, ms. */
const UNREAD_WITHIN = 30_000;
/** How soon a coordinator that could not join the gossip tries again, ms. */
const REJOIN_EVERY = 5_000;

/**
 * Starts a coordinator.
 *
 * @throws PortolanError `forbidden` for a bind that would show the token to others, `invalid-request` for a TLS file that
 * cannot be used, `store-unavailable`; Error with `code` `EADDRINUSE` and its kin
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 7678, token, tls, allowHosts = [], allowOrigins = [], logger } = options;
  refuseOpenBind({ ...options, host });
  const proxies = new Proxies(options.trustedProxies);
  const secure = tls && (await readTls(tls));
  const limits = { ...LIMITS, ...options.limits };
  const digest = digestOf(token);
  const guessable = token.length < GUESSABLE;
  if (guessable && options.gossip) {
    logger.warn(
      `the token of the start has fewer than ${GUESSABLE} characters, so it might be guessed from its digest: agents are not told that, and accept the token only by asking a coordinator; take a longer one ("openssl rand -hex 32")`,
    );
  }
  const coordinator = await startCoordinator(await openStore(options.store, logger), logger, {
    grace: options.grace,
    lockDelay: options.lockDelay,
    bootstrap: guessable ? undefined : digest,
  });
  const gate = new Gate(token, coordinator.fleet);
  const isValid = (principal: Principal) => gate.stillAdmits(principal);
  const sessions = new Sessions(coordinator.replica, limits.streams, isValid);
  const tokens = new Tokens(coordinator.executor, digest);
  let serving = true;
  const context = {
    ...coordinator,
    gate,
    names: new NameCheck({ bound: host, hosts: allowHosts, origins: allowOrigins }),
    tokens,
    logins: new Logins(tokens, isValid),
    sessions,
    newcomers: new Newcomers(),
    lobby: new Lobby(limits.connections, (address) => proxies.trusts(address)),
    proxies,
    rates: {
      requests: new Rate(limits.requests, 5 * limits.requests),
      strangers: new Rate(limits.strangers, 5 * limits.strangers),
    },
    logger,
    serving: () => serving,
  };
  const app = createApp(context, { origins: allowOrigins, dashboard: options.dashboard });

  const sockets = new WebSocketServer({ noServer: true, maxPayload: WEBSOCKET_FRAME_MAX, perMessageDeflate: false });
  // Any other upgrade would leave its socket with nobody to look after it.
  const shouldUpgradeCallback = ({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>) => {
    if (headers.upgrade?.toLowerCase() !== 'websocket') return false;
    // Streams that have not said who they are have a limit of their own.
    context.lobby.admit(socket);
    return true;
  };
  const base = { fetch: app.fetch, hostname: host, port, websocket: { server: sockets } };
  const server = serve(
    secure
      ? {
          ...base,
          createServer: serveHttps,
          serverOptions: {
            ...PACE,
            shouldUpgradeCallback,
            ...secure,
            ...(secure.ca && { requestCert: true, rejectUnauthorized: true }),
            handshakeTimeout: HANDSHAKE_TIMEOUT,
          },
        }
      : { ...base, createServer: serveHttp, serverOptions: { ...PACE, shouldUpgradeCallback } },
  ) as Server;
  server.maxConnections = limits.connections;
  cutUnread(server, UNREAD_WITHIN);
  context.lobby.follow(server);
  const drain = drainOf(server);
  const renew = (contents: TlsContents) => (server as TlsServer).setSecureContext(contents);
  const unwatch = tls && secure && watchTls(tls, secure, renew, logger);
  const told = new Rate(0.1, 1);
  server.on('drop', () => {
    if (told.take('', performance.now()) > 0) return;
    logger.warn({ limit: limits.connections }, 'connections are refused: there are too many');
  });
  try {
    await listening(server);
  } catch (error) {
    unwatch?.();
    sessions.stop();
    await coordinator.stop();
    throw error;
  }
  const name = host.includes(':') ? `[${host}]` : host;
  const url = `${secure ? 'https' : 'http'}://${name}:${(server.address() as AddressInfo).port}`;
  const leavePresence = startPresence(
    { id: coordinator.id, api: options.publicUrl ?? url, alone: options.store.kind === 'sqlite' },
    { ...coordinator, logger },
  );
  const stopping = new AbortController();
  let gossipMissed = false;
  let gossip = await startGossip();
  if (!gossip && options.gossip) void joinLater();
  logger.info({ url }, 'the coordinator is ready');

  const stop = async () => {
    logger.info('the coordinator stops');
    serving = false;
    stopping.abort();
    unwatch?.();
    const drained = drain();
    coordinator.hub.stop();
    await drained;
    sockets.close();
    sessions.stop();
    await gossip?.stop();
    await leavePresence();
    await coordinator.stop();
  };
  let stopped: Promise<void> | undefined;
  return {
    url,
    get cluster() {
      return gossip?.cluster;
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };

  /** A coordinator that cannot gossip still does all that it did without. */
  async function startGossip() {
    if (!options.gossip) return undefined;
    const { store, publicUrl } = options;
    const fleet = (store.kind === 'redis' && store.fleet) || 'default';
    try {
      const place = { ...options.gossip, id: coordinator.id, label: `portolan/${fleet}`, api: publicUrl ?? url };
      return await joinGossip(place, { ...coordinator, logger });
    } catch (error) {
      // What the store refused is no fault of the program.
      const why = error instanceof PortolanError ? { reason: error.message } : { err: error };
      if (!gossipMissed) logger.warn(why, 'this coordinator cannot take part in gossip yet; it tries again');
      gossipMissed = true;
      return undefined;
    }
  }

  async function joinLater() {
    while (!gossip && !stopping.signal.aborted) {
      await sleep(REJOIN_EVERY, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
      if (!stopping.signal.aborted) gossip = await startGossip();
    }
    if (!gossip) return;
    if (stopping.signal.aborted) await gossip.stop();
    else logger.info('this coordinator takes part in gossip');
  }
}

/** Without TLS the tokens would cross the network in the clear; without a token there would be nothing to show. */
function refuseOpenBind({ host, token, tls, insecureBind }: ServerOptions & { host: string }): void {
  if (token === '')
    throw new PortolanError('forbidden', 'It will not start without a token: everybody would be an admin.');
  if (tls || insecureBind || isLoopback(host)) return;
  throw new PortolanError(
    'forbidden',
    `It will not listen on ${host}: without TLS, whoever can listen in on that network gets the token. ` +
      'Give it a certificate with --tls-cert and --tls-key, put a TLS proxy in front of 127.0.0.1, ' +
      'or say --insecure-bind if the network is yours alone.',
  );
}

async function openStore(at: ServerOptions['store'], logger: Logger): Promise<Store> {
  if (at.kind === 'sqlite') return openSqliteStore({ path: at.path, logger });
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
