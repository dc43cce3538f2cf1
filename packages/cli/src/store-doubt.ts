import type { PortolanClient } from '@portolan/client';
import { PortolanError } from '@portolan/model';
import { plain } from './output.ts';
import { type Answer, isAway, reading } from './reading.ts';
import { clientOf, type RemoteOptions } from './remote.ts';

/** How long the store may take for the empty commit that proves it, ms. */
const PROVED_WITHIN = 2_000;

/** Reads, and asks meanwhile whether the store takes writes. @returns with the reason to doubt, where there is one */
export async function doubted<T>(
  options: RemoteOptions,
  read: (client: PortolanClient) => Promise<T>,
): Promise<Answer<T> & { doubt: string | undefined }> {
  const enough = new AbortController();
  const doubting = storeDoubt(options, enough.signal);
  const answered = await reading(options, read).catch((error: unknown) => {
    enough.abort();
    throw error;
  });
  // What comes of the agent says so itself.
  if (answered.source) enough.abort();
  return { ...answered, doubt: await doubting };
}

/**
 * Why what a coordinator tells may be old: it answers from its copy while the store takes no writes, and nothing is
 * found out meanwhile. `undefined` when the store does, or that cannot be asked.
 *
 * @param signal ends it
 */
async function storeDoubt(options: RemoteOptions, signal: AbortSignal): Promise<string | undefined> {
  try {
    const client = await clientOf(options, signal, PROVED_WITHIN);
    await client.status();
    return undefined;
  } catch (error) {
    if (signal.aborted || !(error instanceof PortolanError)) return undefined;
    if (error.code === 'unreachable') return `it did not take one within ${PROVED_WITHIN / 1000} s`;
    return isAway(error) || error.code === 'durability-unknown' ? plain(error.message) : undefined;
  }
}
