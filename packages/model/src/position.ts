import { z } from 'zod';

/**
 * A place in a store's history: `<revision>-<nonce>`, the exact id of a group of commits in the store's log. The nonce
 * is random, so that a history that forked (a promoted replica that had missed commits) is told from the one that a
 * reader knows: it may go on only from an id that still exists.
 */
export const Position = z.string().regex(/^\d{1,16}-\d{1,16}$/, { error: 'a position is written <revision>-<nonce>' });
export type Position = z.infer<typeof Position>;

/** Before the first commit. */
export const ORIGIN: Position = '0-0';

/** The number of the last commit at or before the position. */
export function revisionOf(position: Position): number {
  return Number(position.slice(0, position.indexOf('-')));
}

/**
 * The fencing token of a grant and the version of an entry: `<epoch>.<revision>`. Of two tokens the later one compares
 * higher, also over a change of epoch.
 */
export const Version = z.string().regex(/^\d{1,16}\.\d{1,16}$/, { error: 'a token is written <epoch>.<revision>' });
export type Version = z.infer<typeof Version>;

export function formatVersion(epoch: number, revision: number): Version {
  return `${epoch}.${revision}`;
}

/** @returns below 0 when `a` is older than `b`, 0 when they are the same, above 0 when it is newer */
export function compareVersions(a: Version, b: Version): number {
  const [epochA = 0, revisionA = 0] = a.split('.').map(Number);
  const [epochB = 0, revisionB = 0] = b.split('.').map(Number);
  return epochA - epochB || revisionA - revisionB;
}
