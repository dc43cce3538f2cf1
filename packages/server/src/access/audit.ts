import { type AuditAction, type AuditEvent, type Fleet, key, type Page } from '@portolan/model';
import type { Logger } from 'pino';
import { alternative, put } from '../commands/entries.ts';
import type { Committer } from '../committer.ts';
import { type Act, auditEvent } from './act.ts';
import { accountOf } from './principal.ts';

/** Refusals of one token that are told apart within a second: whoever hammers at closed doors does not fill the store. */
const REFUSALS_MAX = 10;
const MORE = 'more of other kinds within this second';
const WRITE_EVERY = 1_000;
/** Events of one commit. */
const PORTION = 500;

export interface AuditQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly action?: AuditAction | undefined;
  /** Id or name of a token, or the id of that which a login was made with. */
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
    (query.actor === undefined || [actor.id, actor.name, actor.parent].includes(query.actor)) &&
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
  /** For each token, by where from and what. */
  readonly #waiting = new Map<string, Map<string, AuditEvent>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(committer: Committer, logger: Logger) {
    this.#committer = committer;
    this.#logger = logger;
  }

  /** The same refusal, again within a second, counts up; so do those of one token that are too many to be told apart. */
  refused(act: Act, what: string): void {
    const account = accountOf(act.principal);
    const waiting = this.#waiting.get(account) ?? new Map<string, AuditEvent>();
    this.#waiting.set(account, waiting);
    let detail = what.slice(0, 500);
    let same = `${act.address} ${detail}`;
    if (!waiting.has(same) && waiting.size >= REFUSALS_MAX) detail = same = MORE;
    const times = (waiting.get(same)?.times ?? 0) + 1;
    waiting.set(same, auditEvent(act, 'refused', { detail, times }));
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY).unref();
  }

  /** Writes what waits. Never rejects: the request that it tells of has its answer already. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = Array.from(this.#waiting.values(), (waiting) => [...waiting.values()]).flat();
    this.#waiting.clear();
    if (events.length === 0) return;
    const puts = events.map((event) => put<'audit'>(key.audit(event.id), event));
    try {
      for (let from = 0; from < puts.length; from += PORTION) {
        const portion = puts.slice(from, from + PORTION);
        await this.#committer.commit({ alternatives: [alternative({ puts: portion })] });
      }
    } catch (error) {
      this.#logger.warn({ err: error, events }, 'refusals could not be written into the audit trail');
    }
  }
}
