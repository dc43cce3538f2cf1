import { type AuditAction, type AuditEvent, key, type Page } from '@portolan/model';
import type { Logger } from 'pino';
import { alternative, put } from '../commands/entries.ts';
import type { Committer } from '../committer.ts';
import type { Fleet } from '../fleet.ts';
import type { Duty, Term } from '../leader.ts';
import type { Replica } from '../replica.ts';
import { type Act, auditEvent } from './act.ts';

/** How many events the trail keeps, and how old they may get, ms. */
export const KEPT = 10_000;
const KEPT_FOR = 30 * 86_400_000;
/** So many more may gather until the oldest go: trimming looks at all, so it is not done for each. */
const SLACK = 2_000;
const LOOK_EVERY = 60_000;
/** Refusals of one second that are told apart; whoever hammers at a closed door does not fill the store. */
const REFUSALS_MAX = 100;
const WRITE_EVERY = 1_000;

export interface AuditQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly action?: AuditAction | undefined;
  /** Id or name of a token. */
  readonly actor?: string | undefined;
  readonly port?: number | undefined;
  readonly project?: string | undefined;
  readonly since?: string | undefined;
}

/** The events that match, newest first. */
export function auditPage(fleet: Fleet, { limit, after, ...query }: AuditQuery): Page<AuditEvent> {
  const passing = Array.from(fleet.all('audit'), ({ value }) => value).filter(
    (event) => (after === undefined || event.id < after) && matches(event, query),
  );
  passing.sort((a, b) => (a.id > b.id ? -1 : 1));
  const items = passing.slice(0, limit);
  return { items, position: fleet.position, next: passing.length > limit ? items.at(-1)!.id : null };
}

function matches({ at, action, actor, targets }: AuditEvent, query: Omit<AuditQuery, 'limit' | 'after'>): boolean {
  return (
    (query.action === undefined || action === query.action) &&
    (query.actor === undefined || actor.id === query.actor || actor.name === query.actor) &&
    (query.since === undefined || Date.parse(at) >= Date.parse(query.since)) &&
    (query.port === undefined || targets.some(({ key }) => PORT_IN_KEY.exec(key)?.[1] === `${query.port}`)) &&
    (query.project === undefined ||
      targets.some(({ of }) => of === query.project || of?.startsWith(`${query.project}/`)))
  );
}

const PORT_IN_KEY = /^(?:assignment\/\w+|listener\/[^/]+\/\w+\/[^/]+)\/(\d+)/;

/** Writes into the trail what no commit tells of: that somebody was refused. */
export class AuditWriter {
  readonly #committer: Committer;
  readonly #logger: Logger;
  readonly #waiting = new Map<string, AuditEvent>();
  #timer: NodeJS.Timeout | undefined;

  constructor(committer: Committer, logger: Logger) {
    this.#committer = committer;
    this.#logger = logger;
  }

  /** The same refusal, again within a second, counts up. */
  refused(act: Act, detail: string): void {
    const same = `${act.principal.id} ${act.address} ${detail}`;
    const before = this.#waiting.get(same);
    if (!before && this.#waiting.size >= REFUSALS_MAX) return;
    const event = auditEvent(act, 'refused', { detail: detail.slice(0, 500), times: (before?.times ?? 0) + 1 });
    this.#waiting.set(same, event);
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY).unref();
  }

  /** Writes what waits. Never rejects: the request that it tells of has its answer already. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = [...this.#waiting.values()];
    this.#waiting.clear();
    if (events.length === 0) return;
    const puts = events.map((event) => put<'audit'>(key.audit(event.id), event));
    try {
      await this.#committer.commit({ alternatives: [alternative({ puts })] });
    } catch (error) {
      this.#logger.warn({ err: error, events }, 'refusals could not be written into the audit trail');
    }
  }
}

/** Keeps the trail from growing without end. */
export class AuditDuty implements Duty {
  readonly #replica: Replica;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  lead(term: Term, signal: AbortSignal): void {
    const { fleet } = this.#replica;
    let trimming = false;
    const trim = async () => {
      if (trimming) return;
      trimming = true;
      const old = overdue(fleet);
      for (let i = 0; i < old.length && !signal.aborted; i += SLACK) {
        if (!(await term.commit({ deletes: old.slice(i, i + SLACK) }))) break;
      }
      trimming = false;
    };
    const unsubscribe = this.#replica.subscribe({
      applied: () => {
        if (fleet.count('audit') > KEPT + SLACK) void trim();
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
function overdue(fleet: Fleet): string[] {
  const keys = Array.from(fleet.all('audit'), (held) => held.key).sort();
  const eldest = key.audit(new Date(Date.now() - KEPT_FOR).toISOString());
  const aged = keys.findIndex((each) => each > eldest);
  return keys.slice(0, Math.max(keys.length - KEPT, aged < 0 ? keys.length : aged));
}
