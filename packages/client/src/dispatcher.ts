import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PortolanError } from '@portolan/model';
import type { Agent, buildConnector } from 'undici';
import type { ConnectOptions } from './connect.ts';
import { lookout } from './own-socket.ts';

export interface TlsFiles {
  /** PEM: an authority that is trusted beside those that Node trusts. */
  ca?: string | undefined;
  /** PEM: shown to coordinators that ask for a certificate. */
  cert?: string | undefined;
  key?: string | undefined;
}

type Platform = Pick<ConnectOptions, 'fetch' | 'WebSocket'>;

let plain: Platform | undefined;

/** Node's own fetch and WebSocket, on connections of which it is known whose they are. */
export function guarded(): Platform {
  return (plain ??= platform({}));
}

/**
 * The same, with these files.
 *
 * @throws PortolanError `invalid-request` when a file cannot be read, or only one of certificate and key is given
 */
export async function guardedWith({ ca, cert, key }: TlsFiles): Promise<Platform> {
  if (!ca && !cert && !key) return guarded();
  if (!cert !== !key) {
    throw new PortolanError('invalid-request', 'PORTOLAN_CERT and PORTOLAN_KEY go together: name both files, or none.');
  }
  const { getCACertificates } = await import('node:tls');
  return platform({
    ...(ca && { ca: [...getCACertificates('default'), await read('PORTOLAN_CA', ca)] }),
    ...(cert && { cert: await read('PORTOLAN_CERT', cert) }),
    ...(key && { key: await read('PORTOLAN_KEY', key) }),
  });
}

function platform(tls: buildConnector.BuildOptions): Platform {
  let made: Agent | undefined;
  const dispatcher = () => (made ??= agent(tls)) as unknown as NonNullable<RequestInit['dispatcher']>;
  return {
    fetch: (input, init) => globalThis.fetch(input, { ...init, dispatcher: dispatcher() }),
    WebSocket: class extends globalThis.WebSocket {
      constructor(url: string | URL) {
        super(url, { dispatcher: dispatcher() });
      }
    } as typeof WebSocket,
  };
}

function agent(tls: buildConnector.BuildOptions): Agent {
  const require = createRequire(import.meta.url);
  // All of undici takes three times as long to load as these two parts of it, and each command waits for it.
  const { Agent, buildConnector }: Pick<typeof import('undici'), 'Agent' | 'buildConnector'> = {
    Agent: require('undici/lib/dispatcher/agent.js'),
    buildConnector: require('undici/lib/core/connect.js'),
  };
  const connector = buildConnector(tls);
  return new Agent({ connect: (options, done) => void connectTo(connector, options, done) });
}

async function connectTo(
  connector: buildConnector.connector,
  options: buildConnector.Options,
  done: buildConnector.Callback,
): Promise<void> {
  // A certificate tells whose it is.
  if (options.protocol === 'https:') return connector(options, done);
  const guard = await lookout(Number(options.port) || 80);
  connector(options, (error, socket) => {
    if (error) return done(error, null);
    guard.check(socket).then(
      () => done(null, socket),
      (refusal: Error) => {
        socket.destroy();
        done(refusal, null);
      },
    );
  });
}

async function read(variable: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new PortolanError('invalid-request', `${variable} names the file ${file}, which cannot be read (${reason}).`);
  }
}
