import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PortolanClient } from '@portolan/client';
import { LOCAL_API_PORT, PortolanError, type Source } from '@portolan/model';
import { ago } from './age.ts';
import { plain } from './output.ts';
import { clientOf, type RemoteOptions } from './remote.ts';
import { writeError } from './terminal.ts';

export interface Answer<T> {
  answer: T;
  /** Who answered and how old it is, where it was not a coordinator. */
  source?: Source;
}

/** When no coordinator has answered for so long, the agent of this machine is asked, too, ms. */
const PATIENCE = 400;
/** So long it is waited for in all, where the agent knows by gossip that a coordinator lives, ms. */
const PATIENCE_ATTENDED = 1_500;
const LOCAL_TIMEOUT = 2_000;

/**
 * Reads from a coordinator; where none can be reached, from the agent of this machine, and says so on stderr. One that
 * does not even refuse is waited for a moment, and none where the agent knows by gossip that no coordinator lives.
 *
 * @throws PortolanError that of the coordinator, where the agent cannot answer either
 */
export async function reading<T>(
  options: RemoteOptions,
  read: (client: PortolanClient) => Promise<T>,
): Promise<Answer<T>> {
  const abandon = new AbortController();
  const client = await clientOf(options, abandon.signal);
  const remote = read(client).then(
    (answer): Answer<T> | PortolanError => ({ answer }),
    (error: unknown) => {
      if (error instanceof PortolanError && isAway(error)) return error;
      throw error;
    },
  );
  const first = await Promise.race([remote, slowAfter(PATIENCE)]);
  if (first !== 'slow' && !(first instanceof PortolanError)) return first;

  const local = await readHere(client.token, read).catch(() => undefined);
  const second = first === 'slow' ? await later(remote, local?.source) : first;
  if (second !== 'slow' && !(second instanceof PortolanError)) return second;
  if (!local) throw second === 'slow' ? await failureOf(remote) : second;
  // Else the command would end only when the coordinator does.
  abandon.abort();
  const { asOf, leftOut } = local.source;
  const age = asOf === null ? 'it has never heard of a registry' : `its registry is of ${ago(asOf)}`;
  const why = second !== 'slow' && second.code === 'stranger' ? `${second.message}.\nportolan: ` : '';
  const rest = leftOut.length > 0 ? `; it has no room for what listens on ${leftOut.map(plain).join(', ')}` : '';
  writeError(`portolan: ${why}no coordinator answers; this is what the agent of this machine knows (${age}${rest}).\n`);
  return local;
}

/** What a coordinator that is slow says after all, as far as it is worth waiting for. */
async function later<T>(remote: Promise<T>, source: Source | undefined): Promise<T | 'slow'> {
  if (!source) return remote;
  return source.attended ? Promise.race([remote, slowAfter(PATIENCE_ATTENDED - PATIENCE)]) : 'slow';
}

function slowAfter(ms: number): Promise<'slow'> {
  return new Promise((resolve) => setTimeout(resolve, ms, 'slow').unref());
}

/** The local API of this machine's agent. */
export async function localClient(token: string, timeout = LOCAL_TIMEOUT): Promise<PortolanClient> {
  const { connect } = await import('@portolan/client');
  return connect({ url: await localUrl(), token, patience: 0, timeout });
}

export function isAway({ code }: PortolanError): boolean {
  return code === 'unreachable' || code === 'stranger' || code === 'not-ready' || code === 'store-unavailable';
}

async function readHere<T>(token: string, read: (client: PortolanClient) => Promise<T>) {
  const client = await localClient(token);
  const [answer, source] = await Promise.all([read(client), client.source()]);
  return { answer, source };
}

/** Where the agent of this state directory says, else the usual place. */
async function localUrl(): Promise<string> {
  const { stateDir } = await import('@portolan/client/node');
  try {
    const { url } = JSON.parse(readFileSync(join(stateDir(), 'local-api.json'), 'utf8')) as { url?: unknown };
    if (typeof url === 'string' && /^http:\/\/127\.0\.0\.1:\d+$/.test(url)) return url;
  } catch {
    // Another user's agent, or none.
  }
  return `http://127.0.0.1:${LOCAL_API_PORT}`;
}

async function failureOf(remote: Promise<unknown>): Promise<unknown> {
  const outcome = await remote;
  return outcome instanceof PortolanError ? outcome : new PortolanError('unreachable', 'No coordinator answered.');
}
