import { join } from 'node:path';
import { GossipAccess, PortolanError } from '@portolan/model';
import { keep, readKept } from './kept-file.ts';

/** Seeds that are kept for the next start. */
const SEEDS_MAX = 20;
const FILE = 'gossip.json';

/** What was given by hand. */
export interface GivenAccess {
  /** `host:port` of members to join. */
  readonly join?: readonly string[] | undefined;
  /** The first one encrypts. */
  readonly keys?: readonly string[] | undefined;
  /** The public key of the coordinators. */
  readonly identity?: string | undefined;
  /** Name of the fleet; `default` unless told otherwise. */
  readonly fleet?: string | undefined;
}

/** What is needed to take part in gossip; without keys nothing is encrypted. */
export interface Access {
  /** The public key of the coordinators; `undefined` until one has told it. Without it the registry is not taken. */
  readonly identity: string | undefined;
  readonly label: string;
  readonly keys: readonly string[];
  readonly seeds: readonly string[];
}

/**
 * Finds out how to take part in gossip: as given by hand, else as a coordinator says, which is kept for the next start,
 * else as kept from the last one.
 *
 * @param ask a coordinator @returns `undefined` when nobody can say yet
 */
export async function findAccess(
  given: GivenAccess,
  ask: () => Promise<GossipAccess>,
  stateDirectory: string,
): Promise<Access | undefined> {
  const seeds = given.join ?? [];
  const told = await ask().catch((error: unknown) => {
    if (error instanceof PortolanError) return undefined;
    throw error;
  });
  const kept = keptAccess(stateDirectory);
  // A coordinator of an earlier release tells no key, and takes none away.
  const known = told ? { ...told, identity: told.identity ?? kept?.identity } : kept;
  if (told) keep(join(stateDirectory, FILE), known);
  if (known) {
    const { label, keys } = known;
    const identity = given.identity ?? known.identity;
    return { label, keys: given.keys ?? keys, seeds: [...seeds, ...known.seeds], identity };
  }
  if (seeds.length === 0) return undefined;
  return { label: `portolan/${given.fleet ?? 'default'}`, keys: given.keys ?? [], seeds, identity: given.identity };
}

export function keptAccess(stateDirectory: string): GossipAccess | undefined {
  return GossipAccess.safeParse(readKept(join(stateDirectory, FILE))).data;
}

/** Keeps keys that were changed, and members that may be there when no coordinator is. */
export function keepAccess(
  stateDirectory: string,
  changed: { readonly keys?: string[]; readonly seeds?: readonly string[] },
): void {
  const kept = keptAccess(stateDirectory);
  if (!kept) return;
  const seeds = [...new Set([...(changed.seeds ?? []), ...kept.seeds])].slice(0, SEEDS_MAX);
  const after = { ...kept, ...changed, seeds };
  if (JSON.stringify(after) !== JSON.stringify(kept)) keep(join(stateDirectory, FILE), after);
}
