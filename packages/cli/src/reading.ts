import type { PortolanClient } from '@portolan/client';
import { PortolanError, type Source } from '@portolan/model';
import { ago } from './age.ts';
import { plain } from './output.ts';
import { stopped } from './problem-text.ts';
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

  const local = await readHere(client.token, read).catch((error: unknown) => {
    if (error instanceof PortolanError) return error;
    throw error;
  });
  const second =
    first === 'slow' ? await later(remote, local instanceof PortolanError ? undefined : local.source) : first;
  if (second !== 'slow' && !(second instanceof PortolanError)) return second;
  if (local instanceof PortolanError) throw neither(second === 'slow' ? await failureOf(remote) : second, local);
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

export function isAway({ code }: PortolanError): boolean {
  return code === 'unreachable' || code === 'stranger' || code === 'not-ready' || code === 'store-unavailable';
}

async function readHere<T>(token: string, read: (client: PortolanClient) => Promise<T>) {
  const { localAgent } = await import('@portolan/client/node');
  const client = await localAgent(token);
  const [answer, source] = await Promise.all([read(client), client.source()]);
  return { answer, source };
}

/** Where there is no agent to ask, nothing is said of it. */
function neither(error: PortolanError, local: PortolanError): PortolanError {
  if (local.code === 'unreachable') return error;
  const told = `${stopped(error.message)} Nor did the agent of this machine answer: ${local.message}`;
  return new PortolanError(error.code, told, error.data, { cause: error });
}

async function failureOf(remote: Promise<unknown>): Promise<PortolanError> {
  const outcome = await remote;
  return outcome instanceof PortolanError ? outcome : new PortolanError('unreachable', 'No coordinator answered.');
}
