import { type Fleet, type Held, judged, key, portsInUse, portsOf } from '@portolan/model';
import type { Logger } from 'pino';
import { put } from './commands/entries.ts';
import type { Duty, Term } from './leader.ts';
import type { Replica } from './replica.ts';
import type { Put } from './store/store.ts';
import { causeOf, surplus } from './trim.ts';

/** How many resolved findings are kept for whoever asks what happened, and as many with a note. */
const RESOLVED_MAX = 1_000;
/** Puts of one commit at most; more go in further commits. */
const COMMIT_MAX = 500;
/** After a commit that did not go through, ms. */
const TRY_AGAIN_AFTER = 1_000;

/**
 * Keeps the findings of the fleet true: judges the ports that a commit touched by the pure rules of the model, and
 * writes what changed. Everything is judged once when the lead begins.
 */
export class FindingsDuty implements Duty {
  readonly #replica: Replica;
  readonly #logger: Logger;

  constructor(replica: Replica, logger: Logger) {
    this.#replica = replica;
    this.#logger = logger;
  }

  lead(term: Term, signal: AbortSignal): void {
    const fleet = this.#replica.fleet;
    const touched = new Set(portsInUse(fleet));
    let running = false;
    const judge = async () => {
      if (running || signal.aborted) return;
      running = true;
      try {
        while (touched.size > 0 && !signal.aborted) {
          const ports = Array.from(touched).slice(0, COMMIT_MAX);
          for (const port of ports) touched.delete(port);
          if (!(await this.#settle(ports, term))) {
            for (const port of ports) touched.add(port);
            break;
          }
        }
      } catch (error) {
        this.#logger.error({ err: error }, 'findings could not be computed');
      } finally {
        running = false;
        if (touched.size > 0 && !signal.aborted) setTimeout(judge, TRY_AGAIN_AFTER).unref();
      }
    };
    const unsubscribe = this.#replica.subscribe({
      applied: ({ touches }) => {
        for (const touch of touches) for (const port of portsOf(fleet, touch)) touched.add(port);
        if (touched.size > 0) void judge();
      },
      reset: () => {
        for (const port of portsInUse(fleet)) touched.add(port);
        void judge();
      },
    });
    signal.addEventListener('abort', unsubscribe, { once: true });
    void judge();
  }

  /** @returns false when it has to be done again */
  async #settle(ports: readonly string[], term: Term): Promise<boolean> {
    const fleet = this.#replica.fleet;
    const now = new Date().toISOString();
    const puts: Put[] = [];
    const conditions: { key: string; version: string | null }[] = [];
    for (const finding of ports.flatMap((port) => judged(fleet, port, now))) {
      const entryKey = key.finding(finding.id);
      puts.push(put<'finding'>(entryKey, finding));
      // Somebody may acknowledge it at this moment.
      conditions.push({ key: entryKey, version: fleet.version('finding', entryKey) });
    }
    if (puts.length === 0) return true;
    return (await term.commit({ conditions, puts, deletes: forgotten(fleet, puts) })) !== undefined;
  }
}

/**
 * Resolved findings beyond those that are kept, save those that are written now: the oldest of whoever has the most. What
 * somebody wrote a note about is counted by itself, so that nothing pushes it out but more notes.
 */
export function forgotten(fleet: Fleet, puts: readonly Put[]): string[] {
  if (fleet.count('finding') + puts.length <= RESOLVED_MAX) return [];
  const resolved = Array.from(fleet.all('finding')).filter(({ value }) => value.state === 'resolved');
  if (resolved.length <= RESOLVED_MAX) return [];
  const byTime = new Map(resolved.map((held) => [`${held.value.lastChanged} ${held.key}`, held]));
  const isNoted = ([, { value }]: [string, Held<'finding'>]) => value.note !== undefined;
  const written = new Set(puts.map((each) => each.key));
  return Array.from(Map.groupBy(byTime, isNoted).values())
    .flatMap((group) =>
      surplus(
        group.map(([key, { value }]) => ({ key, owner: causeOf(value) })),
        RESOLVED_MAX,
      ),
    )
    .map((each) => byTime.get(each)!.key)
    .filter((each) => !written.has(each));
}
