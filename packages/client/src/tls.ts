import { readFile } from 'node:fs/promises';
import { getCACertificates } from 'node:tls';
import { PortolanError } from '@portolan/model';
import type { ConnectOptions } from './connect.ts';

export interface TlsFiles {
  /** PEM: an authority that is trusted beside those that Node trusts. */
  ca?: string | undefined;
  /** PEM: shown to coordinators that ask for a certificate. */
  cert?: string | undefined;
  key?: string | undefined;
}

type Dispatcher = NonNullable<RequestInit['dispatcher']>;
type DispatcherClass = new (options: { connect: object }) => Dispatcher;

/**
 * Node's own fetch and WebSocket, for this client alone with these files.
 *
 * @throws PortolanError `invalid-request` when a file cannot be read, or only one of certificate and key is given
 */
export async function tlsOptions({ ca, cert, key }: TlsFiles): Promise<Pick<ConnectOptions, 'fetch' | 'WebSocket'>> {
  if (!ca && !cert && !key) return {};
  if (!cert !== !key) {
    throw new PortolanError('invalid-request', 'PORTOLAN_CERT and PORTOLAN_KEY go together: name both files, or none.');
  }
  const connect = {
    ...(ca && { ca: [...getCACertificates('default'), await read('PORTOLAN_CA', ca)] }),
    ...(cert && { cert: await read('PORTOLAN_CERT', cert) }),
    ...(key && { key: await read('PORTOLAN_KEY', key) }),
  };
  const dispatcher = new (await dispatcherClass())({ connect });
  return {
    fetch: (input, init) => globalThis.fetch(input, { ...init, dispatcher }),
    WebSocket: class extends globalThis.WebSocket {
      constructor(url: string | URL) {
        super(url, { dispatcher });
      }
    } as typeof WebSocket,
  };
}

/** Node exports no class of what carries its requests, but keeps one here, from its first request on. */
async function dispatcherClass(): Promise<DispatcherClass> {
  await globalThis.fetch('data:,');
  const carrier = (globalThis as Record<symbol, object | undefined>)[Symbol.for('undici.globalDispatcher.1')];
  return carrier?.constructor as DispatcherClass;
}

async function read(variable: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new PortolanError('invalid-request', `${variable} names the file ${file}, which cannot be read (${reason}).`);
  }
}
