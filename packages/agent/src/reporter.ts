import {
  type HostInfo,
  type Listener,
  listenerFingerprint,
  listenerId,
  PortolanError,
  REPORT_CHANGES_MAX,
  type ReportRequest,
  SetDigest,
} from '@portolan/model';
import type { Clock } from './clock.ts';
import type { Coordinator } from './coordinator.ts';

export interface ReporterOptions {
  readonly host: string;
  readonly info: HostInfo;
  readonly coordinator: Pick<Coordinator, 'join' | 'report'>;
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  /** Told of each failure, and with `null` of the first success after failures. */
  readonly onTrouble?: (error: unknown | null) => void;
}

/** Until a coordinator says how long it waits, seconds. */
const TTL = 30;
const RETRY_BASE = 500;
const RETRY_CAP = 30_000;

interface Told {
  readonly listener: Listener;
  readonly fingerprint: string;
}

/**
 * Keeps a coordinator's picture of the host's listeners equal to the agent's, by differences. What counts is the state,
 * not the events: however long an outage lasts, what goes out after it is the net difference, so nothing is lost and
 * nothing piles up. At most one report is under way.
 *
 * A heartbeat repeats the number of the last report that was accepted, and adds nothing to it.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  #info: HostInfo;
  #joinedAs: HostInfo | null = null;
  #current = new Map<string, Listener>();
  /** What the coordinator has accepted. */
  #told = new Map<string, Told>();
  #digest = new SetDigest();
  /** Number of the last report that was accepted; `null`: a full report is due. */
  #accepted: number | null = null;
  #seq: number;
  /** Sent, but what became of it is not known. */
  #pending: ReportRequest | null = null;
  /** Whether `#current` may differ from `#told` (and, with a pending report, from what that would make of it). */
  #dirty = true;
  #heartbeatAt = 0;
  #ttl = TTL;
  /** Failures and refusals since the last success. */
  #setbacks = 0;
  /** Whether the last answer was a refusal. */
  #refused = false;
  #news = new AbortController();
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#info = options.info;
    // From the clock, so that an agent that starts again does not take up numbers that it has used.
    this.#seq = Math.max(1, options.clock.now());
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** The listeners that there are now. */
  update(listeners: readonly Listener[]): void {
    this.#current = new Map(listeners.map((listener) => [listenerId(listener), listener]));
    this.#dirty = true;
    this.#news.abort();
  }

  /** What is to be said of the host from now on. */
  describe(info: HostInfo): void {
    this.#info = info;
    this.#news.abort();
  }

  /** Ends once the request under way is settled. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#news.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#news = new AbortController();
      let pause: number;
      let signal = this.#stopping.signal;
      try {
        const setback = await this.#step();
        if (!setback && this.#setbacks > 0) this.#options.onTrouble?.(null);
        this.#setbacks = setback ? this.#setbacks + 1 : 0;
        // The first full report that is asked for goes out at once; one who asks again and again is not to be stormed.
        if (setback) pause = this.#refused ? this.#backoff() : 0;
        else pause = this.#isBusy() ? 0 : this.#heartbeatAt - clock.now();
        this.#refused = setback;
        if (this.#setbacks === 0) signal = this.#news.signal;
      } catch (error) {
        this.#setbacks++;
        this.#options.onTrouble?.(error);
        pause = this.#backoff();
      }
      if (pause > 0 && !this.#stopping.signal.aborted) await clock.wait(pause, signal);
    }
  }

  /** Joins if that is due, and sends at most one report. @returns whether the coordinator could not take it as it was */
  async #step(): Promise<boolean> {
    const { coordinator, host, clock, random } = this.#options;
    if (this.#joinedAs !== this.#info) {
      const info = this.#info;
      await coordinator.join(host, info);
      this.#joinedAs = info;
    }
    const report = this.#nextReport();
    if (!report) return false;
    let status: 'accepted' | 'resync';
    try {
      const answer = await coordinator.report(host, report);
      status = answer.status;
      this.#ttl = answer.ttl;
    } catch (error) {
      if (!(error instanceof PortolanError) || error.code !== 'unknown-host') throw error;
      this.#joinedAs = null;
      status = 'resync';
    }
    this.#pending = null;
    this.#heartbeatAt = clock.now() + ((this.#ttl * 1000) / 3) * (0.8 + 0.2 * random());
    if (status === 'accepted') {
      this.#settle(report);
      return false;
    }
    this.#told.clear();
    this.#digest = new SetDigest();
    this.#accepted = null;
    this.#dirty = true;
    return true;
  }

  #nextReport(): ReportRequest | null {
    // A report whose answer was lost goes out unchanged, under its number, as long as it still says what is so.
    if (this.#pending && !this.#dirty) return this.#pending;
    const changes =
      this.#dirty || this.#accepted === null ? this.#difference() : { puts: [], deletes: [], more: false };
    this.#dirty = changes.more;
    const quiet = changes.puts.length === 0 && changes.deletes.length === 0 && this.#accepted !== null;
    // With an answer missing, ask at once whether both sides still agree.
    if (quiet && !this.#pending && this.#options.clock.now() < this.#heartbeatAt) return null;
    const { puts, deletes } = changes;
    const digest = this.#digestAfter(puts, deletes);
    const seq = quiet ? (this.#accepted as number) : ++this.#seq;
    this.#pending = { seq, previous: this.#accepted, puts, deletes, digest };
    return this.#pending;
  }

  /** From what was told to what is, as much as fits into one report. */
  #difference(): { puts: Listener[]; deletes: string[]; more: boolean } {
    const puts: Listener[] = [];
    const deletes: string[] = [];
    let more = false;
    for (const [id, listener] of this.#current) {
      const told = this.#told.get(id);
      if (told && (told.listener === listener || told.fingerprint === listenerFingerprint(listener))) continue;
      if (puts.length === REPORT_CHANGES_MAX) more = true;
      else puts.push(listener);
    }
    for (const id of this.#told.keys()) {
      if (this.#current.has(id)) continue;
      if (deletes.length === REPORT_CHANGES_MAX) more = true;
      else deletes.push(id);
    }
    return { puts, deletes, more };
  }

  #digestAfter(puts: readonly Listener[], deletes: readonly string[]): string {
    const digest = new SetDigest(this.#digest.toString());
    for (const listener of puts) {
      const before = this.#told.get(listenerId(listener));
      if (before) digest.toggle(before.fingerprint);
      digest.toggle(listenerFingerprint(listener));
    }
    for (const id of deletes) digest.toggle(this.#told.get(id)?.fingerprint ?? '');
    return digest.toString();
  }

  #settle({ seq, puts, deletes, digest }: ReportRequest): void {
    for (const listener of puts) {
      this.#told.set(listenerId(listener), { listener, fingerprint: listenerFingerprint(listener) });
    }
    for (const id of deletes) this.#told.delete(id);
    this.#digest = new SetDigest(digest);
    this.#accepted = seq;
  }

  #isBusy(): boolean {
    return this.#dirty || this.#accepted === null || this.#joinedAs !== this.#info;
  }

  /** Half of it random, so that the agents of a fleet do not come back together. */
  #backoff(): number {
    const longest = Math.min(RETRY_CAP, RETRY_BASE * 2 ** Math.min(this.#setbacks - 1, 16));
    return longest * (0.5 + 0.5 * this.#options.random());
  }
}
