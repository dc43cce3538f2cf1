import { Agent, type RequestOptions, request } from 'node:http';
import type { AssignmentView, Finding } from '@portolan/model';

export const TOKEN = 'ptn_trial_0123456789abcdefghijklmnopqrstuv';

/** Where a coordinator is asked: a port of this machine, or the socket of a relay into a network namespace. */
export type Place = { readonly port: number } | { readonly socketPath: string };

export interface LeaseRef {
  readonly id: string;
  readonly token: string;
}

/** An answer as far as it is looked at here; which of it is there depends on what was asked. */
export interface Body {
  readonly code?: string;
  readonly detail?: string;
  readonly port?: number;
  readonly ports?: Record<string, number>;
  readonly token?: string;
  readonly lease?: { readonly id: string; readonly ttl: number } | null;
  readonly created?: boolean;
  readonly acknowledged?: string;
  readonly acknowledgement?: string;
  readonly position?: string;
  readonly endpoint?: AssignmentView['endpoint'];
  readonly assignments?: readonly AssignmentView[];
  readonly renewed?: readonly unknown[];
  readonly lost?: readonly { readonly id: string; readonly code: string }[];
  readonly items?: readonly unknown[];
  readonly next?: string | null;
  /** What came was no JSON. */
  readonly text?: string;
}

export interface Answer {
  /** Absent when no answer came. */
  readonly status?: number;
  readonly body: Body;
  /** Why no answer came. */
  readonly error?: string;
  /** `false` when surely nobody got the request. */
  readonly sent: boolean;
}

export type { AssignmentView, Finding };

const agents = new Map<string, Agent>();

/**
 * Asks once. Never throws: what went wrong is in the answer.
 *
 * @param timeout ms; then the connection is closed
 */
export function call(place: Place, method: string, path: string, body?: unknown, timeout = 12_000): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  };
  const options: RequestOptions = { ...placed(place), method, path, headers };
  return new Promise((resolve) => {
    const asked = request(options, (response) => {
      let received = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        received += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode as number, body: parsed(received), sent: true }));
      response.on('error', (error) => resolve(failed(error)));
    });
    const timer = setTimeout(() => {
      resolve({ error: 'timeout', body: {}, sent: true });
      asked.destroy();
    }, timeout);
    asked.on('close', () => clearTimeout(timer));
    asked.on('error', (error) => resolve(failed(error)));
    asked.end(text);
  });
}

function placed(place: Place): RequestOptions {
  const name = 'port' in place ? String(place.port) : place.socketPath;
  const agent = agents.get(name) ?? new Agent({ keepAlive: true, maxSockets: 200 });
  agents.set(name, agent);
  return 'port' in place ? { host: '127.0.0.1', port: place.port, agent } : { socketPath: place.socketPath, agent };
}

function failed(error: Error): Answer {
  const code = (error as NodeJS.ErrnoException).code ?? error.message;
  return { error: code, body: {}, sent: code !== 'ECONNREFUSED' };
}

function parsed(text: string): Body {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return { text };
  }
}
