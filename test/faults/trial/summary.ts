import type { Subscriber } from '../world/subscriber.ts';
import type { StoreKind, TrialOptions } from './options.ts';
import type { Trail } from './trail.ts';

export interface FaultSeen {
  readonly name: string;
  /** ms by the monotonic clock. */
  readonly from: number;
  readonly to: number;
}

/** What a trial prints at its end, as one line of JSON. */
export interface Summary {
  readonly store: StoreKind;
  readonly seed: number;
  /** Level of acknowledgement at the end. */
  readonly ack: string | undefined;
  /** How long all of it took, s. */
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  /** `longest`: the longest time without an acknowledged write around it, ms. */
  readonly faults: readonly { readonly name: string; readonly lasted: number; readonly longest: number }[];
  readonly resets: readonly { readonly i: number; readonly reason: string; readonly at: number }[];
  readonly notes: Readonly<Record<string, Tally>>;
  readonly violations: number;
  readonly kinds: Readonly<Record<string, Tally>>;
  /** Where the logs of all processes lie. */
  readonly logs: string;
}

interface Tally {
  readonly n: number;
  readonly first: unknown;
}

/** A fault may cost writes before it is told here, and a while after it is mended, ms. */
const BEFORE = 3000;
const AFTER = 6000;

export function summarize(
  { store, seed }: TrialOptions,
  ack: string | undefined,
  trail: Trail,
  faults: readonly FaultSeen[],
  subscribers: readonly Subscriber[],
  logs: string,
): Summary {
  const resets = subscribers.flatMap(({ resets }, i) =>
    resets.map(({ at, reason }) => ({ i, reason, at: trail.at(at) })),
  );
  const kinds = Map.groupBy(trail.violations, ({ kind }) => kind);
  return {
    store,
    seed,
    ack,
    seconds: Math.round(trail.at() / 1000),
    counts: trail.counts,
    faults: faults.map((fault, i) => ({
      name: fault.name,
      lasted: Math.round(fault.to - fault.from),
      longest: longestPause(trail.writes, fault, faults[i + 1]),
    })),
    resets,
    notes: tallies(trail.notes),
    violations: trail.violations.length,
    kinds: tallies(kinds),
    logs,
  };
}

function tallies(lists: ReadonlyMap<string, readonly unknown[]>): Record<string, Tally> {
  return Object.fromEntries(Array.from(lists, ([name, list]) => [name, { n: list.length, first: list[0] }]));
}

function longestPause(writes: readonly number[], { from, to }: FaultSeen, next: FaultSeen | undefined): number {
  const until = Math.min(to + AFTER, next?.from ?? Number.POSITIVE_INFINITY);
  const near = writes.filter((at) => at > from - BEFORE && at < until).sort((a, b) => a - b);
  const pauses = near.slice(1).map((at, i) => (at > from ? at - (near[i] as number) : 0));
  return Math.round(Math.max(0, ...pauses));
}
