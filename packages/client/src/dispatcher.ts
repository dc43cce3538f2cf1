import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PortolanError } from '@portolan/model';
import type { Agent, buildConnector, Dispatcher } from 'undici';
import type { ConnectOptions } from './connect.ts';
import { SPEAKS_TLS } from './failure.ts';
import { isOwnHost } from './own-address.ts';
import { lookout, type Whose } from './own-socket.ts';

export interface TlsFiles {
  /** PEM: an authority that is trusted beside those that Node trusts. */
  ca?: string | undefined;
  /** PEM: shown to coordinators that ask for a certificate. */
  cert?: string | undefined;
  key?: string | undefined;
}

type Platform = Pick<ConnectOptions, 'fetch' | 'WebSocket'>;

/** What the files hold. */
interface Tls {
  ca?: string[];
  cert?: string;
  key?: string;
}

const plain: Partial<Record<Whose, Platform>> = {};

/** Node's own fetch and WebSocket, on connections of which it is known whose they are. */
export function guarded(whose: Whose = 'coordinator'): Platform {
  return (plain[whose] ??= platform({}, whose));
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
  return platform(
    {
      ...(ca && { ca: [...(await trustedByNode()), await read('PORTOLAN_CA', ca)] }),
      ...(cert && { cert: await read('PORTOLAN_CERT', cert) }),
      ...(key && { key: await read('PORTOLAN_KEY', key) }),
    },
    'coordinator',
  );
}

/** Node tells all that it trusts from 22.15 on; before that it is what it brings along, and NODE_EXTRA_CA_CERTS. */
async function trustedByNode(): Promise<string[]> {
  const { getCACertificates, rootCertificates } = (await import('node:tls')) as Partial<typeof import('node:tls')>;
  if (getCACertificates) return getCACertificates('default');
  const extra = process.env.NODE_EXTRA_CA_CERTS;
  const more = extra ? await readFile(extra, 'utf8').catch(() => '') : '';
  return [...(rootCertificates ?? []), ...(more ? [more] : [])];
}

/** @param whose what listens at the other end, for errors */
function platform(tls: Tls, whose: Whose): Platform {
  const routes = new Routes(tls, whose);
  const dispatcher = routes as unknown as NonNullable<RequestInit['dispatcher']>;
  return {
    fetch: (input, init) =>
      globalThis.fetch(input, { ...init, dispatcher }).catch(async (error: unknown) => {
        throw await explained(error, input instanceof Request ? input.url : String(input));
      }),
    WebSocket: class extends globalThis.WebSocket {
      constructor(url: string | URL) {
        super(url, { dispatcher });
      }
    } as typeof WebSocket,
  };
}

/** How long a listener may take to show that it speaks TLS, ms. */
const HANDSHAKE_WITHIN = 1_000;

/** A listener that hangs up on plain HTTP may want TLS: then that is why, and nothing was done. */
async function explained(error: unknown, url: string): Promise<unknown> {
  const { code = '' } = ((error as { cause?: unknown }).cause ?? {}) as { code?: string };
  if (!url.startsWith('http:') || !/^(UND_ERR_SOCKET|ECONNRESET|HPE_)/.test(code)) return error;
  if (!(await speaksTls(new URL(url)))) return error;
  return new TypeError('fetch failed', { cause: Object.assign(new Error('it speaks TLS'), { code: SPEAKS_TLS }) });
}

async function speaksTls({ hostname, port }: URL): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '');
  const { connect } = await import('node:tls');
  return new Promise((resolve) => {
    // Nothing is sent over it: whose certificate it is does not matter.
    const socket = connect({ host, port: Number(port) || 80, rejectUnauthorized: false });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(HANDSHAKE_WITHIN, () => end(false));
    socket.once('secureConnect', () => end(true));
    // Who asks for a certificate of ours refuses later, and by TLS.
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      end(/^ERR_SSL_TLSV|^ERR_SSL_SSLV3_ALERT/.test(code ?? '')),
    );
  });
}

/**
 * Ways to coordinators. Those on this machine are gone to directly. To others it is the way that Node itself goes: by the
 * proxy that NODE_USE_ENV_PROXY has it use, or by the dispatcher that the program has set for all.
 */
class Routes {
  readonly #tls: Tls;
  readonly #whose: Whose;
  #direct: Agent | undefined;
  #proxied: Dispatcher | undefined;

  constructor(tls: Tls, whose: Whose) {
    this.#tls = tls;
    this.#whose = whose;
  }

  /** The part of undici's dispatchers that requests and streams need; theirs may begin later than they ask for. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const direct = (this.#direct ??= agent(this.#tls, this.#whose));
    const away = this.#away();
    if (away === undefined) return direct.dispatch(options, handler);
    const { hostname } = new URL(String(options.origin));
    void isOwnHost(hostname).then((own) => (own ? direct : away).dispatch(options, handler));
    return true;
  }

  /** How Node goes to other machines, where that is not directly. */
  #away(): Dispatcher | undefined {
    const global = (globalThis as { [NODES_OWN]?: Dispatcher })[NODES_OWN];
    const kind = global?.constructor.name;
    // Node's usual one does what ours does, and looks at nothing.
    if (kind === undefined || kind === 'Agent') return undefined;
    if (Object.keys(this.#tls).length === 0) return global;
    // It knows none of the files.
    return kind === 'EnvHttpProxyAgent' ? (this.#proxied ??= proxied(this.#tls)) : undefined;
  }
}

/** Where Node, and any undici, keeps the dispatcher of requests that name none. */
const NODES_OWN = Symbol.for('undici.globalDispatcher.1');

const require = createRequire(import.meta.url);

function agent(tls: Tls, whose: Whose): Agent {
  // All of undici takes three times as long to load as these two parts of it, and each command waits for it.
  const { Agent, buildConnector }: Pick<typeof import('undici'), 'Agent' | 'buildConnector'> = {
    Agent: require('undici/lib/dispatcher/agent.js'),
    buildConnector: require('undici/lib/core/connect.js'),
  };
  const connector = buildConnector(tls);
  return new Agent({ connect: (options, done) => void connectTo(connector, whose, options, done) });
}

/** By the proxy of the environment, which is shown no certificate of ours. */
function proxied(tls: Tls): Dispatcher {
  // It needs all of undici.
  const { EnvHttpProxyAgent }: typeof import('undici') = require('undici');
  return new EnvHttpProxyAgent({ connect: tls, requestTls: tls, proxyTls: tls.ca ? { ca: tls.ca } : {} });
}

async function connectTo(
  connector: buildConnector.connector,
  whose: Whose,
  options: buildConnector.Options,
  done: buildConnector.Callback,
): Promise<void> {
  // A certificate tells whose it is.
  if (options.protocol === 'https:') return connector(options, done);
  const guard = await lookout(Number(options.port) || 80, whose);
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
