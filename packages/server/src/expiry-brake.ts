/** More than this part of all leases is taken for a fault of ours, not of their holders. */
export const MASS_PART = 0.15;
/** Below this many it is taken for what it looks like: a fleet of five leases may well lose one. */
export const MASS_MIN = 20;
/** Ends are counted together for this part of their lease's ttl, and for so long at least, ms. */
const WINDOW_PART = 0.5;
const WINDOW_MIN = 10_000;

/** A lease that was ended, for as long as it counts. */
export interface Ended {
  /** ms of the monotonic clock. */
  readonly countsUntil: number;
}

/** What a sweep found. */
interface Sweep {
  /** ms of the monotonic clock. */
  readonly now: number;
  /** Leases that are due and that nobody is seen to need, most overdue first. */
  readonly due: readonly DueLease[];
  /** How many leases stand, those that are due among them. */
  readonly standing: number;
}

export interface DueLease {
  /** ms */
  readonly ttl: number;
  /** It was given one more ttl by an alarm, and was not renewed since. */
  readonly spared: boolean;
}

export interface Verdict<L extends DueLease> {
  /** Those that may be ended now. */
  readonly end: readonly L[];
  /** Nobody is ended: all leases, not only those that are due, are to be given one more ttl. */
  readonly alarm: boolean;
  /** To be handed in at the next sweep. */
  readonly ended: readonly Ended[];
}

/**
 * Decides which leases may end, so that a fault which keeps many holders from renewing ends a few leases at most.
 *
 * Holders renew each third of the ttl, each at a time of its own: when they are cut off at one moment, their leases fall
 * due over a third of the ttl, a few in each sweep. So it is not one sweep that counts but what ended in the last half of
 * the ttl: never more than a part of all leases, or a handful, without an alarm. Whoever is silent still after that is
 * ended, that part in a sweep at most.
 *
 * @param ended of the sweeps before
 */
export function brake<L extends DueLease>(
  ended: readonly Ended[],
  { now, due, standing }: Omit<Sweep, 'due'> & { readonly due: readonly L[] },
): Verdict<L> {
  const counted = ended.filter(({ countsUntil }) => countsUntil > now);
  const budget = Math.max(MASS_MIN, Math.floor((standing + counted.length) * MASS_PART));
  const fresh = due.filter(({ spared }) => !spared);
  if (counted.length + fresh.length > budget) return { end: [], alarm: true, ended: [] };
  const added = fresh.map(({ ttl }) => ({ countsUntil: now + Math.max(WINDOW_MIN, ttl * WINDOW_PART) }));
  const spared = due.filter((each) => each.spared).slice(0, budget);
  return { end: [...fresh, ...spared], alarm: false, ended: [...counted, ...added] };
}
