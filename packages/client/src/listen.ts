import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { PortolanError, type ReserveInput } from '@portolan/model';
import { type Claim, claim } from './claim.ts';
import type { PortolanClient } from './client.ts';
import { releaseOnExit } from './exit-release.ts';
import { fromEnvironment } from './from-environment.ts';
import { type Bind, isAlone, localPort } from './local-port.ts';
import { hostFor } from './own-host.ts';
import { explainOverride, type PortOverride, portOverride } from './port-override.ts';
import type { Reserved, ReserveOptions } from './reserved.ts';
import { listensItself } from './socket-table.ts';

export interface BindOptions extends ReserveOptions {
  /** Unless given, one by the environment. */
  client?: PortolanClient;
  /** The address to bind: `127.0.0.1`; without it every address of this machine. */
  address?: string;
  /** Heed a `PORT` in the environment, `.env.local` or `.env` where the request names no port; true unless told otherwise. */
  override?: boolean;
  /**
   * `local`: where no coordinator answers, or there is no token for one, a port that this machine can bind is taken without a
   * promise. Without it that is an error.
   */
  fallback?: 'local';
  /** Told why nobody promised the port; without it there is a warning, once. */
  onFallback?: (error: PortolanError) => void;
  /** Told of each port that was promised and could not be bound, before the next is tried. */
  onTaken?: (port: number, error: NodeJS.ErrnoException) => void;
}

/** Renewed every third of it, so that what a machine that dies had is free soon. Seconds. */
const TTL = 60;
/** How many ports that cannot be bound are tried, before it is said that something else is wrong. */
const ATTEMPTS_MAX = 20;

/**
 * Reserves a port and lets the server listen on it, so that no time lies between choosing and binding. A port that
 * somebody else has bound without the registry's knowledge is given back, and the next one is tried, unless the request
 * names that very port or the service had it before.
 *
 * The lease (of 60 s unless the request says otherwise) renews itself, and is released on dispose, and when the server
 * closes or this process ends. It is not shared: while another process of this machine has it, or another call of this one,
 * that is an error; one that ended leaves it to the next. What is assigned for good is left to the service.
 *
 * @throws PortolanError `port-taken` and its kin; what `server.listen` fails with otherwise
 */
export async function listenOn(server: Server, request: ReserveInput, options: BindOptions = {}): Promise<Reserved> {
  const reserved = await reserveBindable(request, options, (port) => listening(server, port, options.address));
  server.once('close', () => void reserved[Symbol.asyncDispose]());
  return reserved;
}

/**
 * Reserves a port that can be bound on this machine at this moment, for a program that binds it by itself right after.
 * Where a `node:net` server (such as that of `node:http`) listens, `listenOn` leaves no gap.
 *
 * @throws PortolanError as `listenOn`
 */
export function bindPort(request: ReserveInput, options: BindOptions = {}): Promise<Reserved> {
  return reserveBindable(request, options, async (port) => {
    const server = createServer((connection) => connection.destroy());
    const bound = await listening(server, port, options.address);
    server.close();
    await once(server, 'close');
    return bound;
  });
}

/**
 * Has a port for as long as `use` takes: `await withPort({ project: 'shop', service: 'test' }, async (port) => …)`.
 *
 * @returns what `use` returns
 */
export async function withPort<T>(
  request: ReserveInput,
  use: (port: number, reserved: Reserved) => T | Promise<T>,
  options: BindOptions = {},
): Promise<T> {
  await using reserved = await bindPort(request, options);
  return await use(reserved.port, reserved);
}

async function reserveBindable(request: ReserveInput, options: BindOptions, bind: Bind): Promise<Reserved> {
  const named = request.port !== undefined || request.preferred !== undefined || request.range !== undefined;
  const override = named || options.override === false ? undefined : await portOverride();
  const wish: ReserveInput = { ttl: TTL, ...request, ...(override && { port: override.port }) };
  try {
    const client = options.client ?? (await fromEnvironment());
    return await promised(client, { ...wish, host: await hostFor(wish, client) }, override, { options, bind });
  } catch (error) {
    if (options.fallback !== 'local' || !isAlone(error)) throw error;
    const reserved = await localPort(wish, bind, error);
    warn(reserved.port, error, options);
    return reserved;
  }
}

async function promised(
  client: PortolanClient,
  request: ReserveInput,
  override: PortOverride | undefined,
  { options, bind }: { options: BindOptions; bind: Bind },
): Promise<Reserved> {
  let wish = request;
  for (let attempt = 1; ; attempt++) {
    const { reserved, isNew, isOwn } = await claimed(client, wish, override, options);
    const callOff = isOwn ? releaseOnExit(reserved, client) : () => {};
    try {
      await bind(reserved.port);
      return lent(reserved, isOwn, callOff);
    } catch (error) {
      callOff();
      // A port that is not given back is given again, and then it is told that it cannot be bound.
      if (isNew) await reserved[Symbol.asyncDispose]();
      else reserved.leave();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      if (!isNew || wish.port !== undefined || attempt >= ATTEMPTS_MAX) throw await bound(reserved, error);
      options.onTaken?.(reserved.port, error as NodeJS.ErrnoException);
      wish = { ...wish, preferred: Math.min(reserved.port + 1, 65_535) };
    }
  }
}

async function claimed(
  client: PortolanClient,
  wish: ReserveInput,
  override: PortOverride | undefined,
  options: ReserveOptions,
): Promise<Claim> {
  try {
    return await claim(client, wish, options);
  } catch (error) {
    throw override ? explainOverride(error, override) : error;
  }
}

/** What another holds is not this program's to give back; a lease that it renewed meanwhile ends by itself. */
function lent(reserved: Reserved, isOwn: boolean, callOff: () => void): Reserved {
  void reserved.lost.then(callOff);
  const release = reserved.release;
  return Object.assign(reserved, {
    release: async () => {
      callOff();
      if (isOwn) await release();
      else reserved.leave();
    },
  });
}

async function listening(server: Server, port: number, address?: string): Promise<number> {
  server.listen({ port, host: address, exclusive: true });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function bound({ port, reservation: { assignments } }: Reserved, cause: unknown): Promise<PortolanError> {
  const { project = '', service = '' } = assignments[0]?.endpoint ?? {};
  const own = await listensItself(port);
  const who = own === undefined ? 'something' : own ? 'this very process' : 'another process';
  return new PortolanError(
    'port-taken',
    `port ${port} belongs to ${project}/${service}, but ${who} on this machine has it bound. "portolan who ${port}" tells more`,
    { port, owner: null },
    { cause },
  );
}

let warned = false;

function warn(port: number, error: PortolanError, { onFallback }: BindOptions): void {
  if (onFallback) onFallback(error);
  if (onFallback || warned) return;
  warned = true;
  process.emitWarning(
    `Port ${port} can be bound on this machine, but nobody promised it: others may be given the same one. ${error.message}`,
    'PortolanWarning',
    'UNPROMISED_PORT',
  );
}
