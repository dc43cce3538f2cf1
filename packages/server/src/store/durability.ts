import type { Acknowledgement } from '@portolan/model';
import type { RedisAddress } from './redis-address.ts';
import { type Persistence, persistenceText } from './redis-persistence.ts';
import type { PrimaryFacts, Promotion } from './redis-promotion.ts';

/** What each commit has to wait for, and what that is worth. */
export interface Durability {
  readonly level: Acknowledgement;
  /** Replicas that have to confirm a commit. */
  readonly replicas: number;
  /** Why it is less than this set-up should give; `null` when it is not. */
  readonly lowered: string | null;
  /** Why the level that was asked for cannot be had: then nothing is to be committed. */
  readonly refused: string | null;
}

/** Which replicas have to confirm: those that were in step with the primary and were not given up by who decides on promotions. */
export interface Required {
  /** Id to the time since when it is away, ms of the monotonic clock; `undefined` while it is connected. */
  readonly replicas: ReadonlyMap<string, number | undefined>;
  /** Those that were given up, and would have to confirm if they came back. */
  readonly missing: ReadonlySet<string>;
  /** Those that were named at some time by those who decide on promotions, under this very id. */
  readonly named: ReadonlySet<string>;
  /** Confirmations needed at least: there are replicas that may be promoted and were never seen in step from here. */
  readonly floor: number;
  /** Whether all that could be promoted were in step at one time: until then one that is not there may be on its way up. */
  readonly whole: boolean;
  /** How many were in step at most. */
  readonly most: number;
}

export const NONE_REQUIRED: Required = {
  replicas: new Map(),
  missing: new Set(),
  named: new Set(),
  floor: 0,
  whole: false,
  most: 0,
};

/** Where nobody promotes by himself, a replica that is away so long, ms, is given up: a restart takes less. */
const GIVEN_UP_AFTER = 3_000;

/**
 * Which replicas have to confirm each commit: all that could be promoted. With fewer, the one that is may lack what was
 * acknowledged: Redis promotes without asking who confirmed what.
 *
 * A replica that went away may have been promoted (a planned failover), or be on the other side of a cut, where it will
 * be. So it is given up only on the word of those who decide: a majority of the sentinels, or of the cluster's primaries,
 * holds it for dead, or no longer knows it. Whoever is on the small side of a cut has no majority, and goes on waiting.
 *
 * @param promotion what those who decide say; `undefined` where nobody does
 * @param now ms of the monotonic clock
 */
export function requiredReplicas(
  before: Required,
  { online, at }: PrimaryFacts,
  promotion: Promotion | undefined,
  now: number,
): Required {
  const replicas = new Map<string, number | undefined>(online.map((id) => [id, undefined]));
  const missing = new Set<string>();
  const alive = promotion ? [...promotion.known].filter((id) => id !== at && !promotion.down.has(id)) : [];
  const all = online.length >= alive.length;
  for (const [id, since = now] of before.replicas) {
    // The server itself, that was promoted.
    if (replicas.has(id) || id === at) continue;
    const givenUp = promotion
      ? promotion.certain && (promotion.down.has(id) || isForgotten(id, before, promotion, all))
      : now - since >= GIVEN_UP_AFTER;
    if (!givenUp) replicas.set(id, since);
    else if (!promotion || promotion.known.has(id)) missing.add(id);
  }
  for (const id of before.missing) {
    if (id !== at && (!promotion?.certain || promotion.known.has(id))) missing.add(id);
  }
  if (promotion?.certain) for (const id of promotion.down) missing.add(id);
  const most = Math.max(before.most, online.length);
  // Nobody tells here which are gone for good: others have taken their places.
  if (!promotion && online.length >= most) missing.clear();
  for (const id of replicas.keys()) missing.delete(id);
  const named = promotion?.certain ? promotion.known : before.named;
  const whole = before.whole || (promotion?.certain === true && all);
  const floor = promotion ? floorOf(promotion, { replicas, whole, alive, at }) : 0;
  return { replicas, missing, named, floor, whole, most };
}

/**
 * A primary alone acknowledges nothing while it has a replica that lives. Without a majority all count that anybody knows;
 * and so do all that live for who begins here: one that is not in step may be the next primary.
 */
function floorOf(
  { known, doubted, certain }: Promotion,
  {
    replicas,
    whole,
    alive,
    at,
  }: Pick<Required, 'replicas' | 'whole'> & { readonly alive: readonly string[]; readonly at: string },
): number {
  if (!certain) return [...known].filter((id) => id !== at).length;
  if (!whole) return alive.length;
  const unseen = alive.filter((id) => doubted.has(id) && !replicas.has(id)).length;
  if (unseen > 0) return replicas.size + unseen;
  return Math.min(alive.length, 1);
}

/**
 * Whether all that have to confirm a commit have it: not so many, but these. A count would take one that came a moment ago
 * for one that left and was promoted.
 *
 * @param written how far the primary had written with the commit, bytes
 * @returns how many they are; `undefined` when some are behind, and may yet confirm; `null` when some are not there
 */
export function confirmations(
  required: Required,
  online: ReadonlyMap<string, number>,
  written: number,
): number | undefined | null {
  const ids = new Set([...required.replicas.keys(), ...online.keys()]);
  if (ids.size < required.floor || [...ids].some((id) => !online.has(id))) return null;
  return [...online.values()].some((offset) => offset < written) ? undefined : ids.size;
}

/** Those that are in step now have to confirm from now on. */
export function seen(required: Required, online: Iterable<string>): Required {
  const fresh = [...online].filter((id) => !required.replicas.has(id) || required.missing.has(id));
  if (fresh.length === 0) return required;
  const missing = new Set(required.missing);
  for (const id of fresh) missing.delete(id);
  return {
    ...required,
    replicas: new Map([...required.replicas, ...fresh.map((id) => [id, undefined] as const)]),
    missing,
  };
}

/**
 * Whether those who decide on promotions no longer count it among the replicas. Where they call servers otherwise than the
 * primary does, numbers decide: when as many are in step as live, one of another name is not among them.
 *
 * @param all whether as many are in step as live
 */
function isForgotten(id: string, { named }: Required, { known, others }: Promotion, all: boolean): boolean {
  if (others.has(id)) return true;
  return !known.has(id) && (named.has(id) || all);
}

/** What is known of a Redis when its durability is judged. */
export interface RedisSetup {
  readonly kind: RedisAddress['kind'];
  readonly persistence: Persistence;
  readonly required: Required;
}

/**
 * The surest level that a set-up gives; where one was asked for, that one, or a refusal.
 */
export function durabilityOf(
  { kind, persistence, required }: RedisSetup,
  wanted: Acknowledgement | undefined,
): Durability {
  const text = persistenceText[persistence];
  const kept = { lowered: null, refused: null };
  if (wanted === 'memory') return { level: wanted, replicas: 0, ...kept };
  if (wanted === 'disk') {
    const synced = persistence === 'always' || persistence === 'unknown';
    return { level: wanted, replicas: 0, ...kept, refused: synced ? null : text };
  }
  const forgetful = `${text}: if the primary restarts before another one is promoted, the replicas will copy its empty state`;
  if (wanted !== undefined) {
    const replicas = Number(wanted.slice('replicas:'.length));
    return { level: wanted, replicas, ...kept, lowered: persistence === 'off' && replicas > 0 ? forgetful : null };
  }
  const replicas = Math.max(required.replicas.size, required.floor);
  const away = [...required.missing].sort().join(', ');
  if (replicas > 0 && persistence === 'off') return { level: 'memory', replicas, ...kept, lowered: forgetful };
  if (replicas > 0 && !away && persistence === 'lazy') {
    const lowered = `${text}: if the primary loses power and restarts before another one is promoted, the replicas follow it, and up to a second of writes is lost`;
    return { level: `replicas:${replicas}`, replicas, ...kept, lowered };
  }
  if (replicas > 0) {
    const lowered = away ? `replica ${away} is not connected: a failover to it would lose what it missed` : null;
    return { level: `replicas:${replicas}`, replicas, ...kept, lowered };
  }
  const level = persistence === 'always' ? 'disk' : 'memory';
  if (away || kind !== 'single') {
    const lowered = `${away ? `replica ${away} is not connected` : 'the primary has no replica'}: a failover would lose what is on the primary alone`;
    return { level, replicas, ...kept, lowered };
  }
  return { level, replicas, ...kept, lowered: level === 'memory' ? `${text}, and it has no replica` : null };
}
