import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Applied,
  Fleet,
  type Held,
  PortolanError,
  type Position,
  type ResetReason,
  revisionOf,
} from '@portolan/model';
import type { Logger } from 'pino';
import { type History, isOf, lostAssignments } from './lost-history.ts';
import { leavesTrace } from './store/log-record.ts';
import { Outage } from './store/outage.ts';
import { type Change, type GroupOutcome, HistoryLostError, type Store, type Transaction } from './store/store.ts';

export interface ReplicaListener {
  /** The commits of one group were applied to the fleet. */
  applied(group: Applied): void;
  /**
   * The fleet was loaded anew: all that was known may differ.
   *
   * @param lost assignments that the copy had and the history does not, though nobody ended them
   */
  reset(reason: ResetReason, lost: readonly Held<'assignment'>[]): void;
}

interface Waiter {
  readonly position: Position;
  /** Of the commit that is waited for; `undefined` when only its position is known. */
  readonly epoch: number | undefined;
  readonly resolve: () => void;
  readonly reject: (error: PortolanError) => void;
  readonly timer: NodeJS.Timeout;
}

/** How many positions back the replica knows what it applied. */
const TRAIL = 1_000;
/** How long a reader waits for the replica to catch up with a commit before it is told so, ms. */
const CATCH_UP_MAX = 5_000;
/** How long the feed may take to bring what somebody waits for, ms, until it is fetched beside it. */
const FEED_LATE = 150;

/**
 * Keeps a `Fleet` equal to the store, by its change feed; what this coordinator commits itself is taken in at once.
 * When the history that it followed is no more (trimmed, or another one after a failover), it loads a snapshot and
 * tells its listeners so.
 */
export class Replica {
  readonly fleet = new Fleet();
  /** When the feed last brought something, ms of the monotonic clock; 0 before the first snapshot. */
  freshAt = 0;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #feed: Outage;
  readonly #listeners = new Set<ReplicaListener>();
  readonly #stopping = new AbortController();
  /** Groups committed here that follow on what the feed has not brought yet, by the position before them. */
  readonly #early = new Map<Position, readonly Change[]>();
  /** Where the fleet was lately, oldest first. */
  readonly #trail = new Set<Position>();
  /** Ends the reading of a feed whose history the store no longer has. */
  #diverged = new AbortController();
  #waiters: Waiter[] = [];
  #following: Promise<void> | undefined;
  #fetching: NodeJS.Timeout | undefined;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
    this.#feed = new Outage(
      logger,
      "the store's feed of changes cannot be followed: reads here are stale since then",
      "the store's feed of changes is followed again",
    );
  }

  /** Loads the snapshot and begins to follow. Rejects when the store does not answer. */
  async start(): Promise<void> {
    await this.#load();
    this.#following = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#fetching);
    await this.#following;
    for (const waiter of this.#waiters) {
      clearTimeout(waiter.timer);
      waiter.reject(new PortolanError('not-ready', 'the coordinator is stopping; ask another one'));
    }
    this.#waiters = [];
  }

  subscribe(listener: ReplicaListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes in a group that was committed here, without waiting for the feed to bring it: at once when it follows on
   * what the fleet has, else as soon as the feed has brought what lies before it.
   */
  readonly committed = (group: readonly Transaction[], outcome: GroupOutcome): void => {
    const { previous, position, epoch } = outcome;
    if (this.#diverged.signal.aborted) return;
    if (this.#contradicts(previous, epoch)) {
      // The store lost what this fleet has: whoever waits for the copy waits until it was loaded anew.
      this.#diverged.abort();
    } else if (revisionOf(previous) > revisionOf(this.fleet.position)) {
      if (position !== previous) this.#early.set(previous, changesOf(group, outcome));
    } else if (previous === this.fleet.position && position !== previous) {
      this.#apply(changesOf(group, outcome));
    }
  };

  /** Whether an answer of the store, which went through this position in this epoch, cannot be of the fleet's history. */
  #contradicts(previous: Position, epoch: number): boolean {
    const ahead = revisionOf(this.fleet.position) - revisionOf(previous);
    // Epochs only grow: so what the fleet has beyond that position, in an older epoch, is not in the store any more.
    if (ahead > 0 && this.fleet.epoch < epoch) return true;
    return ahead >= 0 && this.#isForeign(previous);
  }

  /** Whether the fleet went past this revision by another place. What is older than the trail proves nothing. */
  #isForeign(position: Position): boolean {
    const [oldest] = this.#trail;
    return oldest !== undefined && revisionOf(position) >= revisionOf(oldest) && !this.#trail.has(position);
  }

  /** Whether everything up to the position is in the fleet. */
  has(position: Position): boolean {
    return (
      revisionOf(this.fleet.position) >= revisionOf(position) &&
      !this.#diverged.signal.aborted &&
      !this.#isForeign(position)
    );
  }

  /**
   * Resolves when everything up to the position is in the fleet.
   *
   * @param epoch of the commit that was answered with the position
   * @throws PortolanError `not-ready` after 5 s; `durability-unknown` when the store has lost the commit
   */
  async reached(position: Position, epoch?: number): Promise<void> {
    if (this.has(position)) return;
    const passed = revisionOf(this.fleet.position) >= revisionOf(position);
    if (passed && !this.#diverged.signal.aborted) throw lostCommit(position);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((waiter) => waiter.timer !== timer);
        const seconds = CATCH_UP_MAX / 1000;
        reject(
          new PortolanError(
            'not-ready',
            `this coordinator's copy of the fleet is more than ${seconds} s behind the store; try again, or ask another coordinator`,
          ),
        );
      }, CATCH_UP_MAX);
      this.#waiters.push({ position, epoch, resolve, reject, timer });
      this.#fetchLate();
    });
  }

  /** A connection that hangs holds up the feed, and need not hold up those who wait. */
  #fetchLate(): void {
    this.#fetching ??= setTimeout(() => {
      const wanted = this.#waiters.reduce((most, { position }) => Math.max(most, revisionOf(position)), 0);
      void this.#fetch(wanted, this.#diverged.signal).finally(() => {
        this.#fetching = undefined;
        if (this.#waiters.length > 0 && !this.#stopping.signal.aborted) this.#fetchLate();
      });
    }, FEED_LATE);
  }

  /** Takes in what the store has up to a revision. The feed passes over it later. */
  async #fetch(revision: number, lost: AbortSignal): Promise<void> {
    const enough = AbortSignal.any([lost, this.#stopping.signal, AbortSignal.timeout(CATCH_UP_MAX)]);
    try {
      let at = this.fleet.position;
      if (revisionOf(at) >= revision) return;
      for await (const changes of this.#store.changes(at, enough)) {
        for (const group of Map.groupBy(changes, ({ position }) => position).values()) {
          if (enough.aborted) return;
          // The feed may have brought it meanwhile.
          if (this.fleet.position === at) this.#apply(group);
          at = group[0]!.position;
        }
        if (revisionOf(this.fleet.position) >= revision) return;
      }
    } catch (error) {
      // A history that is lost is the feed's to notice, with all that follows from it.
      if (error instanceof HistoryLostError && !lost.aborted) this.#diverged.abort();
    }
  }

  async #follow(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        this.#early.clear();
        const until = AbortSignal.any([this.#stopping.signal, this.#diverged.signal]);
        let at = this.fleet.position;
        const previous = new Map<Position, Position>();
        const has = (position: Position) => {
          const before = at;
          at = position;
          if (this.#passed(position)) return true;
          previous.set(position, before);
          return false;
        };
        for await (const changes of this.#store.changes(this.fleet.position, until, has)) {
          failures = 0;
          this.#feed.worked();
          this.freshAt = performance.now();
          this.#bring(changes, previous);
          previous.clear();
        }
        if (this.#diverged.signal.aborted) throw new HistoryLostError('diverged');
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        const reason = error instanceof HistoryLostError ? error.reason : undefined;
        // From here on nobody is answered from what is lost.
        if (reason) this.#diverged.abort();
        this.#feed.failed(error);
        failures++;
        await sleep(backOff(failures), undefined, { signal: this.#stopping.signal }).catch(() => {});
        if (reason) await this.#reload(reason);
      }
    }
  }

  /** Applies what the feed brings, beyond what was taken in before it did. @param previous where each group follows on */
  #bring(changes: readonly Change[], previous: ReadonlyMap<Position, Position>): void {
    const fresh = changes.filter(({ position }) => !this.#passed(position));
    if (fresh.length === 0) return;
    // Something was taken in that is in the store no more.
    if (previous.get(fresh[0]!.position) !== this.fleet.position) throw new HistoryLostError('diverged');
    this.#apply(fresh);
  }

  /** Whether the fleet has the group at this place. @throws HistoryLostError when it has another one there */
  #passed(position: Position): boolean {
    if (revisionOf(position) > revisionOf(this.fleet.position)) return false;
    if (this.#isForeign(position)) throw new HistoryLostError('diverged');
    return true;
  }

  async #reload(reason: ResetReason): Promise<void> {
    try {
      const epoch = this.fleet.epoch;
      const before = Array.from(this.fleet.all('assignment'));
      const history = await this.#load();
      this.#diverged = new AbortController();
      const told = reason === 'diverged' && this.fleet.epoch !== epoch ? 'epoch' : reason;
      const lost = lostAssignments(before, this.fleet, history);
      if (lost.length > 0) {
        this.#logger.error(
          { lost: lost.length, ports: lost.slice(0, 20).map(({ value }) => `${value.protocol}/${value.port}`) },
          'the store came back with a history that is missing assignments it had acknowledged',
        );
      }
      for (const listener of this.#listeners) listener.reset(told, lost);
      this.#release(history);
      this.#feed.worked();
    } catch {
      // The feed still breaks at the same place, which leads here again.
    }
  }

  async #load(): Promise<History> {
    // A snapshot of which only a part came must not replace what is known, so all of it is read first.
    const chunks = [];
    for await (const chunk of this.#store.snapshot()) chunks.push(chunk);
    this.fleet.clear();
    for (const chunk of chunks) this.fleet.load(chunk);
    this.freshAt = performance.now();
    // Where the fleet was in another history says nothing of this one.
    this.#trail.clear();
    this.#remember(this.fleet.position);
    const { position, epoch } = this.fleet;
    return { position, epoch, epochs: chunks[0]?.epochs ?? [] };
  }

  #apply(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    for (const { position } of changes) this.#remember(position);
    const applied = this.fleet.apply(changes);
    for (const listener of this.#listeners) listener.applied(applied);
    const next = this.#early.get(applied.position);
    for (const previous of this.#early.keys()) {
      if (revisionOf(previous) <= revisionOf(applied.position)) this.#early.delete(previous);
    }
    if (next) this.#apply(next);
    else this.#release();
  }

  #remember(position: Position): void {
    this.#trail.add(position);
    if (this.#trail.size > TRAIL) this.#trail.delete(this.#trail.values().next().value as Position);
  }

  /** @param history given when it was loaded anew */
  #release(history?: History): void {
    if (this.#waiters.length === 0) return;
    const head = revisionOf(this.fleet.position);
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      const { position, epoch, timer, resolve, reject } = waiter;
      const forked = history !== undefined && epoch !== undefined && epoch < history.epoch;
      const lost = forked ? !isOf(history, epoch, revisionOf(position)) : this.#isLost(position, head);
      if (!lost && revisionOf(position) > head) {
        waiting.push(waiter);
        continue;
      }
      clearTimeout(timer);
      if (lost) reject(lostCommit(position));
      else resolve();
    }
    this.#waiters = waiting;
  }

  #isLost(position: Position, head: number): boolean {
    return revisionOf(position) <= head && this.#isForeign(position);
  }
}

export function lostCommit(position: Position): PortolanError {
  return new PortolanError(
    'durability-unknown',
    `the position ${position} is not in the store's history any more: what was committed there is lost; ask again`,
  );
}

/** The commits of a group as the feed will bring them. */
function changesOf(group: readonly Transaction[], { outcomes, position, epoch }: GroupOutcome): Change[] {
  const changes: Change[] = [];
  outcomes.forEach((outcome, i) => {
    if (!outcome.applied) return;
    const alternative = group[i]!.alternatives[outcome.alternative]!;
    const { puts, deletes } = alternative;
    if (leavesTrace(alternative)) changes.push({ position, revision: outcome.revision, epoch, puts, deletes });
  });
  return changes;
}

/** 50 ms doubling to 5 s, with half of it at random, so that coordinators do not return in step. */
function backOff(failures: number): number {
  const full = Math.min(5_000, 50 * 2 ** Math.min(failures, 10));
  return full / 2 + Math.random() * (full / 2);
}
