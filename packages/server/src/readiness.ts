import { COORDINATORS_MAX, type Fleet, type PastOutage, type Readiness } from '@portolan/model';
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';

const LOOK_EVERY = 500;
/** The store, and the copy, are asked for when they have said nothing for so long, ms. */
const ASK_AFTER = 1_000;
/** A store that was silent for so long is not reachable, ms: what is shorter is a blip. */
const STORE_SILENCE = 3_000;
/** Nobody leads when that has lasted so long, ms: the lead changes hands within two seconds. */
const UNLED_SILENCE = 3_000;
/** A copy that was not proven for so long is stale, ms: longer than anybody waits for it. */
const COPY_SILENCE = 6_000;
/** Outages that are remembered. */
const OUTAGES_MAX = 10;

interface Parts {
  readonly id: string;
  readonly fleet: Fleet;
  /** Has the store answer, and waits until the copy shows that. Rejects when either does not. */
  readonly prove: () => Promise<void>;
  readonly leader: () => Readiness['leader'];
  readonly logger: Logger;
  readonly clock?: Clock;
}

/**
 * Watches whether what this coordinator shows is so: whether the store answers, the copy keeps up, and somebody leads.
 * Silence counts in looks, so a process that stood still does not blame the store for that.
 */
export class ReadinessWatch {
  readonly #parts: Parts;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(readiness: Readiness) => void>();
  readonly #outages: PastOutage[] = [];
  /** How long each has said nothing, ms, and when it last did. */
  readonly #store = { silent: 0, heardAt: time() };
  readonly #copy = { silent: 0, heardAt: time() };
  #reachable = { is: true, since: time() };
  /** Until it is known, this one, which is about to claim the lead. */
  #leader: Readiness['leader'];
  /** How long nobody has led, ms. */
  #unledFor = 0;
  #unled: { readonly since: string; storeToo: boolean } | undefined;
  #asking = false;
  #told = '';

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#leader = { coordinator: parts.id, since: time() };
  }

  start(): void {
    void this.#watch();
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** The store has answered a commit. */
  readonly answered = (): void => {
    this.#store.silent = 0;
    this.#store.heardAt = time();
  };

  /** What this coordinator saw of the store and of the lead, and is over; the latest last. */
  readonly outages = (): readonly PastOutage[] => this.#outages;

  /** Calls with each change, once it has lasted long enough to be one. */
  subscribe(listener: (readiness: Readiness) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get now(): Readiness {
    const { id, fleet } = this.#parts;
    return {
      coordinator: id,
      at: time(),
      store: { reachable: this.#reachable.is, since: this.#reachable.since },
      copy: { current: this.#copy.silent < COPY_SILENCE, freshAt: this.#copy.heardAt },
      leader: this.#leader,
      coordinators: Array.from(fleet.all('coordinator'), ({ value }) => value)
        .toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1))
        .slice(-COORDINATORS_MAX),
    };
  }

  async #watch(): Promise<void> {
    let before = this.#clock.now();
    while (!this.#stopping.signal.aborted) {
      const passed = Math.min(this.#clock.now() - before, 2 * LOOK_EVERY);
      before = this.#clock.now();
      this.#store.silent += passed;
      this.#copy.silent += passed;
      this.#unledFor += passed;
      if (this.#copy.silent >= ASK_AFTER && !this.#asking) void this.#ask();
      this.#judge();
      this.#tell();
      await this.#clock.sleep(LOOK_EVERY, this.#stopping.signal);
    }
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const asked = time();
    try {
      await this.#parts.prove();
      this.#copy.silent = 0;
      this.#copy.heardAt = asked;
    } catch {
      // Its silence tells.
    } finally {
      this.#asking = false;
    }
  }

  #judge(): void {
    const { logger, leader } = this.#parts;
    const reachable = this.#store.silent < STORE_SILENCE;
    if (reachable !== this.#reachable.is) {
      const { since } = this.#reachable;
      this.#reachable = { is: reachable, since: this.#store.heardAt };
      if (reachable) this.#over({ what: 'store', from: since, to: this.#store.heardAt });
      logger[reachable ? 'info' : 'error'](
        { since: reachable ? since : this.#store.heardAt },
        reachable
          ? 'the store answers again'
          : 'the store does not answer: nothing can be reserved, and what is shown is as of then',
      );
    }
    const led = leader();
    if (led.coordinator !== null) this.#unledFor = 0;
    if (led.coordinator !== null || this.#unledFor >= UNLED_SILENCE) this.#leader = led;
    if (this.#leader.coordinator === null) {
      this.#unled ??= { since: this.#leader.since, storeToo: false };
      this.#unled.storeToo ||= !reachable;
    } else if (this.#unled) {
      // Where the store was away, too, that says it all.
      if (!this.#unled.storeToo) this.#over({ what: 'leader', from: this.#unled.since, to: time() });
      this.#unled = undefined;
    }
  }

  #over(outage: PastOutage): void {
    this.#outages.push(outage);
    if (this.#outages.length > OUTAGES_MAX) this.#outages.shift();
  }

  #tell(): void {
    const { now } = this;
    const { store, copy, leader, coordinators } = now;
    const said = JSON.stringify([store, copy.current, leader, coordinators]);
    if (said === this.#told) return;
    this.#told = said;
    for (const listener of this.#listeners) listener(now);
  }
}

function time(): string {
  return new Date().toISOString();
}
