import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Health, HOST_NETNS, isLinkLocal, isLoopback, type Listener } from '@portolan/model';

/** What asking once gave. */
export interface HealthAnswer {
  readonly passed: boolean;
  /** Status of the HTTP answer. */
  readonly code: number | null;
  readonly ms: number;
  /** Why it did not pass. */
  readonly detail: string;
}

/** How long an answer may take, ms. */
const ANSWER_WITHIN = 5_000;

/**
 * Asks a service of this machine how it is: a connection, or the status of a GET. Where the question goes is decided here
 * alone: to the socket that listens on the port in the agent's own namespace, at an address of this machine. So whatever a
 * plan says, no other machine is asked, and no service of a cloud that answers at a link-local address. Redirects are
 * not followed, and of the answer only the status is read.
 */
export async function askHealth(
  check: Health['check'],
  listeners: readonly Listener[],
  within = ANSWER_WITHIN,
): Promise<HealthAnswer> {
  const started = performance.now();
  const answer = (passed: boolean, detail: string, code: number | null = null) => ({
    passed,
    code,
    ms: Math.round(performance.now() - started),
    detail: detail.slice(0, 300),
  });
  const address = socketAddress(check.port, listeners);
  if (address === undefined) return answer(false, `nobody listens on port ${check.port} at an address of this host`);
  const limit = AbortSignal.timeout(within);
  try {
    if (check.kind === 'tcp') {
      await open(address, check.port, limit);
      return answer(true, '');
    }
    const code = await statusOf(check, address, limit);
    return code >= 200 && code < 400 ? answer(true, '', code) : answer(false, `answered ${code}`, code);
  } catch (error) {
    return answer(false, limit.aborted ? `no answer within ${within / 1000} s` : reasonOf(error));
  }
}

/** The address of this machine at which a local socket on the port answers, loopback first. */
function socketAddress(port: number, listeners: readonly Listener[]): string | undefined {
  const local = listeners.filter((each) => each.protocol === 'tcp' && each.port === port && each.netns === HOST_NETNS);
  const addresses = local.map(answering).filter((address) => !isLinkLocal(address) && isOwn(address));
  return addresses.find(isLoopback) ?? addresses[0];
}

function answering({ address, v6only }: Listener): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return v6only ? '::1' : '127.0.0.1';
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

/** A socket can be bound to an address that this machine does not have (yet): then it leads elsewhere. */
function isOwn(address: string): boolean {
  if (isLoopback(address)) return true;
  return Object.values(networkInterfaces()).some((each) => each?.some((own) => own.address === address));
}

function open(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function statusOf({ kind, port, path, name }: Health['check'], host: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const hostname = (name ?? '').replace(/:\d+$/, '');
    const options = {
      host,
      port,
      path,
      signal,
      // A connection of its own, so that it tells whether the service takes one now.
      agent: false as const,
      headers: {
        host: name ?? `${host.includes(':') ? `[${host}]` : host}:${port}`,
        'user-agent': 'portolan-agent',
        accept: '*/*',
      },
      // Whose certificate it is does not tell how it is.
      rejectUnauthorized: false,
      ...(hostname !== '' && isIP(hostname) === 0 && !hostname.startsWith('[') && { servername: hostname }),
    };
    const request = (kind === 'https' ? requestHttps : requestHttp)(options, (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    request.on('error', reject);
    request.end();
  });
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EPROTO: 'it does not speak TLS',
};

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return reasons[code ?? ''] ?? (code?.startsWith('HPE_') ? 'it does not speak HTTP' : (message ?? String(error)));
}
