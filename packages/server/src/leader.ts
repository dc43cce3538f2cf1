import { formatVersion, key, PortolanError, type Version } from '@portolan/model';
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import { alternative, put } from './commands/entries.ts';
import type { Committed, Committer } from './committer.ts';
import { withHistory } from './finding-history.ts';
import type { Replica } from './replica.ts';
import type { Alternative } from './store/store.ts';

/** How long a leader that said nothing stays the leader, ms. */
const LEADER_TTL = 10_000;
const CAMPAIGN_EVERY = 2_000;
const LEASE = 'leader';

export interface Duty {
  /** Called when this coordinator became the leader; ends its work when `signal` aborts. */
  lead(term: Term, signal: AbortSignal): void;
}

/**
 * One time of being the leader, within one epoch of the store. Its commits hold only while it lasts: a leader that was
 * overtaken writes nothing, nor one whose copy is of a history that the store has lost.
 */
export interface Term {
  /** @returns nothing when the term is over, the store failed, or a condition of the alternative's own did not hold */
  commit(parts: Partial<Alternative>): Promise<Committed | undefined>;
}

/**
 * Sees to it that one of the coordinators does what must be done once: find collisions, reap leases. The lead is a
 * lease in the store. It only avoids double work; that a late leader does no harm rests on the condition which each
 * of its commits carries.
 */
export class Leadership {
  readonly #coordinator: string;
  readonly #committer: Committer;
  readonly #replica: Replica;
  readonly #duties: readonly Duty[];
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #term: { readonly version: Version; readonly epoch: number; readonly over: AbortController } | undefined;
  #campaigning: Promise<void> | undefined;
  /** When somebody was last known to lead: by the clock, ms, and as a time. */
  #led: { readonly at: number; readonly time: string };

  constructor(
    coordinator: string,
    committer: Committer,
    replica: Replica,
    duties: readonly Duty[],
    logger: Logger,
    clock: Clock = systemClock,
  ) {
    this.#clock = clock;
    this.#coordinator = coordinator;
    this.#committer = committer;
    this.#replica = replica;
    this.#duties = duties;
    this.#logger = logger;
    this.#led = { at: clock.now(), time: new Date().toISOString() };
  }

  /** Who leads as far as this coordinator knows, `null` for nobody, and since when that is so. */
  get leader(): { readonly coordinator: string | null; readonly since: string } {
    const entry = this.#replica.fleet.get('leader', key.leader())?.value;
    const isLed = this.#clock.now() - this.#led.at <= LEADER_TTL;
    return isLed && entry ? entry : { coordinator: null, since: this.#led.time };
  }

  get leading(): boolean {
    return this.#term !== undefined;
  }

  start(): void {
    this.#campaigning = this.#campaign();
  }

  /** Gives the lead away, so that another one need not wait for the lease to end. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#campaigning;
    const term = this.#term;
    this.#end();
    if (!term) return;
    const resignation = alternative({
      conditions: [{ key: key.leader(), version: term.version }],
      deletes: [key.leader()],
      leases: [{ id: LEASE, ttl: null }],
    });
    await this.#committer.commit({ alternatives: [resignation] }).catch(() => {});
  }

  async #campaign(): Promise<void> {
    let lastHeld = Number.NEGATIVE_INFINITY;
    while (!this.#stopping.signal.aborted) {
      try {
        if (await this.#claim()) lastHeld = this.#clock.now();
        else this.#end();
        if (this.leading || this.#isAnothers) this.#led = { at: this.#clock.now(), time: new Date().toISOString() };
      } catch (error) {
        // The store may be away for a moment; who cannot renew in time is not the leader.
        if (this.#clock.now() - lastHeld > LEADER_TTL) this.#end();
        this.#logger.debug({ err: error }, 'the lead could not be claimed');
      }
      await this.#clock.sleep(CAMPAIGN_EVERY, this.#stopping.signal);
    }
  }

  /** Whether the lead that was not to be had is that of another one: its own may be one that it could not begin. */
  get #isAnothers(): boolean {
    const { coordinator } = this.#replica.fleet.get('leader', key.leader())?.value ?? {};
    return coordinator !== undefined && coordinator !== this.#coordinator;
  }

  async #claim(): Promise<boolean> {
    const leases = [{ id: LEASE, ttl: LEADER_TTL }];
    const puts = [put<'leader'>(key.leader(), { coordinator: this.#coordinator, since: new Date().toISOString() })];
    const claims = [
      alternative({ conditions: [{ key: key.leader(), version: null }], puts, leases }),
      alternative({ conditions: [{ lease: LEASE, due: true }], puts, leases }),
    ];
    const term = this.#term;
    if (term) {
      const own = { key: key.leader(), version: term.version };
      claims.unshift(
        alternative({ conditions: [own, { epoch: term.epoch }], leases }),
        // The store's history may have forked: what the duties know is looked at anew.
        alternative({ conditions: [own], puts, leases }),
      );
    }
    const committed = await this.#committer.commit({ alternatives: claims });
    if (!committed.applied) return false;
    if (term && committed.alternative === 0) return true;
    this.#end();
    // The duties judge the whole fleet, so it has to be there.
    await this.#replica.reached(committed.position, committed.epoch);
    this.#begin(committed.epoch, committed.revision);
    return true;
  }

  #begin(epoch: number, revision: number): void {
    const version = formatVersion(epoch, revision);
    this.#logger.info({ version }, 'this coordinator leads: it computes findings and reaps leases');
    const over = new AbortController();
    this.#term = { version, epoch, over };
    const term: Term = { commit: (parts) => this.#commit(version, epoch, parts) };
    for (const duty of this.#duties) duty.lead(term, over.signal);
  }

  #end(): void {
    if (!this.#term) return;
    this.#logger.info('this coordinator no longer leads');
    this.#term.over.abort();
    this.#term = undefined;
  }

  async #commit(version: Version, epoch: number, parts: Partial<Alternative>): Promise<Committed | undefined> {
    if (this.#term?.version !== version) return undefined;
    const conditions = [{ key: key.leader(), version }, { epoch }, ...(parts.conditions ?? [])];
    const only = withHistory(alternative({ ...parts, conditions }), this.#replica.fleet, null);
    try {
      const committed = await this.#committer.commit({ alternatives: [only] });
      await this.#replica.reached(committed.position, committed.epoch);
      return committed.applied ? committed : undefined;
    } catch (error) {
      if (error instanceof PortolanError) return undefined;
      throw error;
    }
  }
}
