import { PortolanError } from '@portolan/model/plain';
import { PortolanClient } from './client.ts';
import { plainAnswers } from './plain-answers.ts';
import { Transport } from './transport.ts';

/** Where a coordinator is found unless told otherwise. */
export const DEFAULT_URL = 'http://127.0.0.1:7678';

export interface ConnectOptions {
  /** One coordinator, or several of one fleet: the first that works is used until it fails. */
  url?: string | readonly string[];
  token: string;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
  /** How long one request may take, ms; 10 s unless told otherwise. */
  timeout?: number;
  /**
   * How long a call is tried again while no coordinator can serve it, ms; 0 for one round. Unless told otherwise 15 s, and
   * half a second as long as none has ever answered this client and nobody listens there: all are on this machine and
   * refuse the connection, or the browser lets nothing through to them.
   */
  patience?: number;
  /**
   * Tells the id of the host that this program runs on. It is asked before ports are chosen, and the agent of that host
   * then tests that they can be bound; without it, only a host that the request names.
   */
  here?: () => Promise<string | undefined>;
  /** Ends calls that are under way, and lets no others begin. */
  signal?: AbortSignal;
}

/**
 * Makes a client. Nothing is sent before the first call.
 *
 * @param answers how what comes back is tested
 * @throws PortolanError `invalid-request`
 */
export function connect(options: ConnectOptions, answers = plainAnswers): PortolanClient {
  const { url = DEFAULT_URL, token, timeout = 10_000, patience = 15_000 } = options;
  const urls = (typeof url === 'string' ? [url] : url).map(baseUrl);
  if (urls.length === 0) throw new PortolanError('invalid-request', 'No coordinator was named: give at least one URL.');
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new PortolanError('invalid-request', 'The token is empty or has characters that no token has.');
  }
  const transport = new Transport({
    urls,
    answers,
    token,
    timeout,
    patience,
    patienceWithNobody: options.patience ?? 500,
    signal: options.signal,
    // Called by name: a browser's fetch refuses to run as a method of something else.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  });
  return new PortolanClient(transport, options.WebSocket ?? globalThis.WebSocket, options.here);
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new PortolanError(
      'invalid-request',
      `"${text}" is not the URL of a coordinator: write http://host:port or https://host:port.`,
    );
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}
