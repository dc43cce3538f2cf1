import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { PortolanError, type ReserveInput } from '@portolan/model';
import type { PortolanClient } from './client.ts';
import { releaseOnExit } from './exit-release.ts';
import { fromEnvironment } from './from-environment.ts';
import { hostFor } from './own-host.ts';
import { explainOverride, type PortOverride, portOverride } from './port-override.ts';
import type { Reserved, ReserveOptions } from './reserved.ts';

export interface BindOptions extends ReserveOptions {
  /** Unless given, one by the environment. */
  client?: PortolanClient;
  /** The address to bind: `127.0.0.1`; without it every address of this machine. */
  address?: string;
  /** Heed a `PORT` in the environment, `.env.local` or `.env` where the request names no port; true unless told otherwise. */
  override?: boolean;
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
 * closes or this process ends; what the service had before is left to it.
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
    await listening(server, port, options.address);
    server.close();
    await once(server, 'close');
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

async function reserveBindable(
  request: ReserveInput,
  options: BindOptions,
  bind: (port: number) => Promise<void>,
): Promise<Reserved> {
  const client = options.client ?? (await fromEnvironment());
  const named = request.port !== undefined || request.preferred !== undefined || request.range !== undefined;
  const override = named || options.override === false ? undefined : await portOverride();
  const host = await hostFor(request, client);
  let wish: ReserveInput = { ttl: TTL, ...request, host, ...(override && { port: override.port }) };
  for (let attempt = 1; ; attempt++) {
    const reserved = await reserve(client, wish, override, options);
    const { created } = reserved.reservation;
    const callOff = created ? releaseOnExit(reserved, client) : () => {};
    try {
      await bind(reserved.port);
      return lent(reserved, created, callOff);
    } catch (error) {
      callOff();
      // A port that is not given back is given again, and then it is told that it cannot be bound.
      if (created) await reserved[Symbol.asyncDispose]();
      else reserved.leave();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      if (!created || wish.port !== undefined || attempt >= ATTEMPTS_MAX) throw bound(reserved, error);
      options.onTaken?.(reserved.port, error as NodeJS.ErrnoException);
      wish = { ...wish, preferred: Math.min(reserved.port + 1, 65_535) };
    }
  }
}

async function reserve(
  client: PortolanClient,
  wish: ReserveInput,
  override: PortOverride | undefined,
  options: ReserveOptions,
): Promise<Reserved> {
  try {
    return await client.reserve(wish, options);
  } catch (error) {
    throw override ? explainOverride(error, override) : error;
  }
}

/** What the service had before is not this program's to give back; a lease that it took over ends by itself. */
function lent(reserved: Reserved, created: boolean, callOff: () => void): Reserved {
  void reserved.lost.then(callOff);
  const release = reserved.release;
  return Object.assign(reserved, {
    release: async () => {
      callOff();
      if (created) await release();
      else reserved.leave();
    },
  });
}

async function listening(server: Server, port: number, address?: string): Promise<void> {
  server.listen({ port, host: address, exclusive: true });
  await once(server, 'listening');
}

function bound({ port, reservation: { assignments } }: Reserved, cause: unknown): PortolanError {
  const { project = '', service = '' } = assignments[0]?.endpoint ?? {};
  return new PortolanError(
    'port-taken',
    `port ${port} belongs to ${project}/${service}, but another process on this machine has it bound. ` +
      `"portolan who ${port}" tells which`,
    { port, owner: null },
    { cause },
  );
}
