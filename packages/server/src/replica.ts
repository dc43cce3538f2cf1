import { setTimeout as sleep } from 'node:timers/promises';
import { PortolanError, type Position, type ResetReason, revisionOf } from '@portolan/model';
import type { Logger } from 'pino';
import { type Applied, Fleet } from './fleet.ts';
import { HistoryLostError, type Store } from './store/store.ts';

export interface ReplicaListener {
  /** The commits of one group were applied to the fleet. */
  applied(group: Applied): void;
  /** The fleet was loaded anew: all that was known may differ. */
  reset(reason: ResetReason): void;
}

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: PortolanError) => void;
  readonly timer: NodeJS.Timeout;
}

/** How long a reader waits for the replica to catch up with a commit before it is told so, ms. */
const CATCH_UP_MAX = 5_000;

/**
 * Keeps a `Fleet` equal to the store, by its change feed. When the history that it followed is no more (trimmed, or
 * another one after a failover), it loads a snapshot and tells its listeners so.
 */
export class Replica {
  readonly fleet = new Fleet();
  /** When the feed last proved to be connected, ms since 1970; 0 before the first snapshot. */
  freshAt = 0;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #listeners = new Set<ReplicaListener>();
  readonly #stopping = new AbortController();
  #waiters: Waiter[] = [];
  #following: Promise<void> | undefined;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Loads the snapshot and begins to follow. Rejects when the store does not answer. */
  async start(): Promise<void> {
    await this.#load();
    this.#following = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
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

  /** Resolves when everything up to the position is in the fleet. */
  async reached(position: Position): Promise<void> {
    return this.reachedRevision(revisionOf(position));
  }

  /** Resolves when the commit with this revision is in the fleet. @throws PortolanError `not-ready` after 5 s */
  async reachedRevision(revision: number): Promise<void> {
    if (revisionOf(this.fleet.position) >= revision) return;
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
      this.#waiters.push({ revision, resolve, reject, timer });
    });
  }

  async #follow(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        for await (const group of this.#store.changes(this.fleet.position, this.#stopping.signal)) {
          failures = 0;
          this.freshAt = Date.now();
          if (group.length > 0) this.#apply(this.fleet.apply(group));
        }
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        const reason = error instanceof HistoryLostError ? error.reason : undefined;
        this.#logger.warn(
          { err: error, reason },
          reason ? 'the history was lost: loading a snapshot' : 'the change feed broke: trying again',
        );
        failures++;
        await sleep(backOff(failures), undefined, { signal: this.#stopping.signal }).catch(() => {});
        if (reason) await this.#reload(reason);
      }
    }
  }

  async #reload(reason: ResetReason): Promise<void> {
    try {
      const epoch = this.fleet.epoch;
      await this.#load();
      const told = reason === 'diverged' && this.fleet.epoch !== epoch ? 'epoch' : reason;
      for (const listener of this.#listeners) listener.reset(told);
      this.#release();
    } catch (error) {
      this.#logger.warn({ err: error }, 'the snapshot could not be loaded');
    }
  }

  async #load(): Promise<void> {
    // A snapshot of which only a part came must not replace what is known, so all of it is read first.
    const chunks = [];
    for await (const chunk of this.#store.snapshot()) chunks.push(chunk);
    this.fleet.clear();
    for (const chunk of chunks) this.fleet.load(chunk);
    this.freshAt = Date.now();
  }

  #apply(group: Applied): void {
    for (const listener of this.#listeners) listener.applied(group);
    this.#release();
  }

  #release(): void {
    if (this.#waiters.length === 0) return;
    const head = revisionOf(this.fleet.position);
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.revision > head) waiting.push(waiter);
      else {
        clearTimeout(waiter.timer);
        waiter.resolve();
      }
    }
    this.#waiters = waiting;
  }
}

/** 50 ms doubling to 5 s, with half of it at random, so that coordinators do not return in step. */
function backOff(failures: number): number {
  const full = Math.min(5_000, 50 * 2 ** Math.min(failures, 10));
  return full / 2 + Math.random() * (full / 2);
}
