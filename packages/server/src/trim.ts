import { type Fleet, key } from '@portolan/model';
import type { Logger } from 'pino';
import type { Duty, Term } from './leader.ts';
import type { Replica } from './replica.ts';

/** How many events a trail keeps, and how old they may get, ms. */
export const KEPT = 10_000;
const KEPT_FOR = 30 * 86_400_000;
/** So many more may gather until the oldest go: trimming looks at all, so it is not done for each. */
const SLACK = 2_000;
const LOOK_EVERY = 60_000;

/** What happened: who did what, and what became of findings. The ids of both begin with the time. */
type Trail = 'audit' | 'event';

/** Keeps a trail from growing without end. */
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

/** Keys of the events that are too many or too old. */
function overdue(fleet: Fleet, trail: Trail): string[] {
  const keys = Array.from(fleet.all(trail), (held) => held.key).sort();
  const eldest = key[trail](new Date(Date.now() - KEPT_FOR).toISOString());
  const aged = keys.findIndex((each) => each > eldest);
  return keys.slice(0, Math.max(keys.length - KEPT, aged < 0 ? keys.length : aged));
}
