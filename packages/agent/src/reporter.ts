import {
  type HostInfo,
  type Listener,
  listenerFingerprint,
  listenerId,
  PortolanError,
  REPORT_CHANGES_MAX,
  type ReportRequest,
  SetDigest,
  type Span,
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
  /**
   * Whether a coordinator hears of this host by gossip. Only then it is silent for as long as the coordinator waits; else a
   * coordinator that gossip misled would not be told otherwise for minutes.
   */
  readonly inTouch?: () => boolean;
  /** What to join as when another host has the name; without it, or with `null`, that is trouble. */
  readonly renamed?: (info: HostInfo) => HostInfo | null;
  /** Of one report; unless told, what a coordinator takes. */
  readonly limits?: Limits;
  /** Told of each failure, and with `null` of the first success after failures. */
  readonly onTrouble?: (error: unknown | null) => void;
}

interface Limits {
  readonly changes: number;
  /** Of the changes as JSON. */
  readonly bytes: number;
}

/** A quarter of what a coordinator takes: a large report holds up the others that it serves. */
const LIMITS: Limits = { changes: REPORT_CHANGES_MAX, bytes: 1024 * 1024 };
/** Until a coordinator says how long it waits, seconds. */
const TTL = 30;
const RETRY_BASE = 500;
const RETRY_CAP = 30_000;

interface Told {
  readonly listener: Listener;
  readonly fingerprint: string;
}

interface Changes {
  readonly puts: Listener[];
  readonly deletes: string[];
  readonly covers?: Span;
  /** Whether there is more than fits into one report. */
  readonly more: boolean;
}

/**
 * Keeps a coordinator's picture of the host's listeners equal to the agent's, by differences. What counts is the state,
 * not the events: however long an outage lasts, what goes out after it is the net difference, so nothing is lost and
 * nothing piles up. At most one report is under way.
 *
 * A full report goes in as many parts as it takes. Each covers a span of ids, so that a coordinator which knew the
 * host's listeners before compares span by span, and lets go of none that is to come in a later part.
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
  /** Number of the last report that was accepted; `null`: of none that counts. */
  #accepted: number | null = null;
  /** Up to which id the full report under way was accepted, `''` at its beginning; `null`: none is under way. */
  #covered: string | null = '';
  #seq: number;
  /** Sent, but what became of it is not known. */
  #pending: ReportRequest | null = null;
  /** Whether `#current` may differ from `#told` (and, with a pending report, from what that would make of it). */
  #dirty = true;
  #reportedAt = Number.NEGATIVE_INFINITY;
  /** Part of the time between heartbeats, so that agents which started together do not stay together. */
  #jitter = 1;
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
        // Whether both sides agree is not known before the last part.
        if (!setback && this.#covered) continue;
        if (!setback && this.#setbacks > 0) this.#options.onTrouble?.(null);
        this.#setbacks = setback ? this.#setbacks + 1 : 0;
        // The first full report that is asked for goes out at once; one who asks again and again is not to be stormed.
        if (setback) pause = this.#refused ? this.#backoff() : 0;
        else pause = this.#isBusy() ? 0 : Math.min(this.#heartbeatAt - clock.now(), (TTL * 1000) / 3);
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
    if (this.#joinedAs !== this.#info) await this.#join(this.#info);
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
    this.#reportedAt = clock.now();
    this.#jitter = 0.8 + 0.2 * random();
    if (status === 'accepted') {
      this.#settle(report);
      return false;
    }
    this.#told.clear();
    this.#digest = new SetDigest();
    this.#accepted = null;
    this.#covered = '';
    this.#dirty = true;
    return true;
  }

  async #join(info: HostInfo): Promise<void> {
    const { coordinator, host, renamed } = this.#options;
    try {
      await coordinator.join(host, info);
    } catch (error) {
      const other = isNameTaken(error) ? renamed?.(info) : null;
      if (!other) throw error;
      this.#info = other;
      await coordinator.join(host, other);
      info = other;
    }
    this.#joinedAs = info;
  }

  get #heartbeatAt(): number {
    const { inTouch = () => false } = this.#options;
    const ttl = inTouch() ? this.#ttl : Math.min(this.#ttl, TTL);
    return this.#reportedAt + ((ttl * 1000) / 3) * this.#jitter;
  }

  #nextReport(): ReportRequest | null {
    // A report whose answer was lost goes out unchanged, under its number, as long as it still says what is so.
    if (this.#pending && !this.#dirty) return this.#pending;
    const { puts, deletes, covers, more } =
      this.#covered === null ? this.#difference() : this.#partAfter(this.#covered);
    this.#dirty = more;
    const quiet = puts.length === 0 && deletes.length === 0 && !covers;
    // With an answer missing, ask at once whether both sides still agree.
    if (quiet && !this.#pending && this.#options.clock.now() < this.#heartbeatAt) return null;
    const digest = this.#digestAfter(puts, deletes);
    const seq = quiet ? (this.#accepted as number) : ++this.#seq;
    this.#pending = { seq, previous: this.#accepted, puts, deletes, ...(covers && { covers }), digest };
    return this.#pending;
  }

  /** The next part of a full report. */
  #partAfter(covered: string): Changes {
    const after = covered || null;
    const fits = room(this.#options.limits);
    const puts: Listener[] = [];
    let through: string | null = null;
    const outstanding = Array.from(this.#current.keys()).filter((id) => id > covered);
    for (const id of outstanding.sort()) {
      const listener = this.#current.get(id) as Listener;
      if (!fits(listener)) return { puts, deletes: [], covers: { after, through }, more: false };
      puts.push(listener);
      through = id;
    }
    return { puts, deletes: [], covers: { after, through: null }, more: false };
  }

  /** From what was told to what is, as much as fits into one report. */
  #difference(): Changes {
    const puts: Listener[] = [];
    const deletes: string[] = [];
    if (!this.#dirty) return { puts, deletes, more: false };
    const fits = room(this.#options.limits);
    for (const [id, listener] of this.#current) {
      const told = this.#told.get(id);
      if (told && (told.listener === listener || told.fingerprint === listenerFingerprint(listener))) continue;
      if (!fits(listener)) return { puts, deletes, more: true };
      puts.push(listener);
    }
    for (const id of this.#told.keys()) {
      if (this.#current.has(id)) continue;
      if (!fits(id)) return { puts, deletes, more: true };
      deletes.push(id);
    }
    return { puts, deletes, more: false };
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

  #settle({ seq, puts, deletes, covers, digest }: ReportRequest): void {
    for (const listener of puts) {
      this.#told.set(listenerId(listener), { listener, fingerprint: listenerFingerprint(listener) });
    }
    for (const id of deletes) this.#told.delete(id);
    this.#digest = new SetDigest(digest);
    this.#accepted = seq;
    if (!covers) return;
    this.#covered = covers.through;
    // What changed in a span since it was told follows as a difference.
    this.#dirty = true;
  }

  #isBusy(): boolean {
    return this.#dirty || this.#covered !== null || this.#joinedAs !== this.#info;
  }

  /** Half of it random, so that the agents of a fleet do not come back together. */
  #backoff(): number {
    const longest = Math.min(RETRY_CAP, RETRY_BASE * 2 ** Math.min(this.#setbacks - 1, 16));
    return longest * (0.5 + 0.5 * this.#options.random());
  }
}

export function isNameTaken(error: unknown): error is PortolanError {
  return error instanceof PortolanError && error.code === 'name-taken';
}

/** @returns whether one more change fits into a report; the first one always does */
function room({ changes, bytes }: Limits = LIMITS): (change: Listener | string) => boolean {
  let count = 0;
  let size = 0;
  return (change) => {
    size += Buffer.byteLength(JSON.stringify(change)) + 1;
    return ++count === 1 || (count <= changes && size <= bytes);
  };
}
