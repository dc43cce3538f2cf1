import { hostname } from 'node:os';
import { type Coordinator, type Fleet, key } from '@portolan/model';
import type { Logger } from 'pino';
import manifest from '../package.json' with { type: 'json' };
import { alternative, put } from './commands/entries.ts';
import type { Committer } from './committer.ts';
import { urlFor } from './gossip/coordinator-gossip.ts';
import { regularly } from './regularly.ts';

/** A coordinator that renewed nothing for so long is missing, ms. */
export const PRESENCE_TTL = 15_000;
const RENEW_EVERY = 5_000;
/** One that is missing is forgotten after this, ms: its place may be gone for good. */
export const FORGOTTEN_AFTER = 24 * 3600 * 1000;

export interface Place {
  /** Names this coordinator. */
  readonly id: string;
  /** Where others reach it by HTTP. */
  readonly api: string;
  /** Whether no other process can have the store. */
  readonly alone: boolean;
}

/**
 * Writes down that this coordinator is there, and keeps that by a lease. Who stops on purpose takes it back; who does not
 * is `missing` when the lease has ended, until a coordinator starts at the same place.
 *
 * @returns what takes it back
 */
export function startPresence(
  { id, api: told, alone }: Place,
  { committer, fleet, logger }: { committer: Committer; fleet: Fleet; logger: Logger },
): () => Promise<void> {
  const own = key.coordinator(id);
  const host = hostname().slice(0, 255);
  const api = urlFor(told, host).slice(0, 300);
  const startedAt = new Date().toISOString();
  const stopping = new AbortController();
  let cleared = false;

  /** What was at this place before, and is this one now. */
  const predecessors = () =>
    Array.from(fleet.all('coordinator')).filter(
      ({ key, value }) => key !== own && (alone || (value.host === host && value.api === api)),
    );

  const renew = async () => {
    const known = fleet.get('coordinator', own)?.value;
    const gone = cleared ? [] : predecessors().map((each) => each.key);
    const stateSince = known ? new Date().toISOString() : startedAt;
    const entry: Coordinator = {
      id,
      host,
      api,
      version: manifest.version,
      startedAt,
      state: 'alive',
      stateSince,
    };
    await committer.commit({
      alternatives: [
        alternative({
          puts: known?.state === 'alive' ? [] : [put<'coordinator'>(own, entry)],
          deletes: gone,
          leases: [{ id: own, ttl: PRESENCE_TTL }, ...gone.map((each) => ({ id: each, ttl: null }))],
        }),
      ],
    });
    cleared = true;
  };
  const renewed = () =>
    renew().catch((error: unknown) => logger.debug({ err: error }, 'it could not say that it is there'));
  void renewed();
  regularly(RENEW_EVERY, stopping.signal, renewed);

  return async () => {
    stopping.abort();
    const left = alternative({ deletes: [own], leases: [{ id: own, ttl: null }] });
    await committer.commit({ alternatives: [left] }).catch(() => {});
  };
}
