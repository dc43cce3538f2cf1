import { type EntryValue, type Finding, type Fleet, key } from '@portolan/model';
import type { Logger } from 'pino';
import type { Duty, Term } from './leader.ts';
import type { Replica } from './replica.ts';

/** How many events a trail keeps, and how old they may get, ms. */
export const KEPT = 10_000;
const KEPT_FOR = 30 * 86_400_000;
/** So many more may gather until the oldest go: trimming looks at all, so it is not done for each. */
export const SLACK = 2_000;
const LOOK_EVERY = 60_000;

/** What happened: who did what, and what became of findings. The ids of both begin with the time. */
type Trail = 'audit' | 'event';

/**
 * Keeps a trail from growing without end: of what is not too old, whoever has the most events loses its oldest first. So
 * nobody can push out what others did.
 */
export class TrimDuty implements Duty {
  readonly #replica: Replica;
  readonly #trail: Trail;
  readonly #logger: Logger;

  constructor(replica: Replica, trail: Trail, logger: Logger) {
    this.#logger = logger;
    this.#replica = replica;
    this.#trail = trail;
  }

  lead(term: Term, signal: AbortSignal): void {
    const { fleet } = this.#replica;
    let trimming = false;
    const trim = async () => {
      if (trimming) return;
      trimming = true;
      try {
        const old = overdue(fleet, this.#trail);
        for (let i = 0; i < old.length && !signal.aborted; i += SLACK) {
          if (!(await term.commit({ deletes: old.slice(i, i + SLACK) }))) break;
        }
      } catch (error) {
        this.#logger.warn({ err: error }, `the ${this.#trail} trail could not be trimmed; it is tried again`);
      } finally {
        trimming = false;
      }
    };
    const unsubscribe = this.#replica.subscribe({
      applied: () => {
        if (fleet.count(this.#trail) > KEPT + SLACK) void trim();
      },
      reset: () => {},
    });
    void trim();
    const timer = setInterval(() => void trim(), LOOK_EVERY);
    timer.unref();
    signal.addEventListener(
      'abort',
      () => {
        unsubscribe();
        clearInterval(timer);
      },
      { once: true },
    );
  }
}

/** Keys of the events that are too old or too many. */
function overdue(fleet: Fleet, trail: Trail): string[] {
  const eldest = key[trail](new Date(Date.now() - KEPT_FOR).toISOString());
  const aged: string[] = [];
  const others: Owned[] = [];
  for (const { key: entryKey, value } of fleet.all(trail)) {
    if (entryKey <= eldest) aged.push(entryKey);
    else others.push({ key: entryKey, owner: ownerOf(value) });
  }
  return [...aged, ...surplus(others, KEPT)];
}

/**
 * An act is of the token that it was done with, or that a login was made with; a step of a finding is of whoever it is
 * about: anybody may cause any number of findings.
 */
function ownerOf(event: EntryValue<Trail>): string {
  return 'finding' in event ? causeOf(event.finding) : (event.actor.parent ?? event.actor.id);
}

/**
 * Who has a finding counted as its own. What is seen is told by the agent of a host, which may invent services of any
 * project: so it is that host's. What is only declared is of its project.
 */
export function causeOf({ kind, parties }: Finding): string {
  const seen = parties.find(({ claim, host }) => claim === 'observed' && host !== null);
  if (seen) return `host ${seen.host!.id}`;
  const endpoint = parties.find((party) => party.endpoint !== null)?.endpoint;
  return endpoint ? `project ${endpoint.project}` : kind;
}

export interface Owned {
  /** Sorts by time. */
  readonly key: string;
  readonly owner: string;
}

/**
 * The events to drop so that `kept` are left: one after the other, the oldest of the owner that has the most; of several
 * such owners, the oldest of all. Whoever has less than an equal share therefore loses nothing.
 *
 * @returns their keys, the oldest first
 */
export function surplus(events: readonly Owned[], kept: number): string[] {
  if (events.length <= kept) return [];
  const newestFirst = events.toSorted((a, b) => (a.key > b.key ? -1 : 1));
  /** Of each event how many newer ones its owner has, and how many events there are with each such rank. */
  const ranks: number[] = [];
  const ofRank: number[] = [];
  const counts = new Map<string, number>();
  for (const { owner } of newestFirst) {
    const rank = counts.get(owner) ?? 0;
    counts.set(owner, rank + 1);
    ranks.push(rank);
    ofRank[rank] = (ofRank[rank] ?? 0) + 1;
  }
  let left = kept;
  let last = 0;
  while (ofRank[last]! <= left) left -= ofRank[last++]!;
  const going = newestFirst.filter((_event, i) => ranks[i]! > last || (ranks[i] === last && left-- <= 0));
  return going.map((event) => event.key).reverse();
}
