import { type Fleet, PortolanError } from '@portolan/model';
import { actor, attributed } from './access/act.ts';
import { currentSender } from './access/sender.ts';
import { alternative } from './commands/entries.ts';
import type { Committed, Committer } from './committer.ts';
import { withHistory } from './finding-history.ts';
import type { Replica } from './replica.ts';
import type { Alternative, Store } from './store/store.ts';

/** What a command would commit, decided on the replica as it is now. */
export interface Plan<T> {
  readonly alternatives: readonly Alternative[];
  /** The answer once it is applied; the replica holds the commit by then. */
  readonly answer: (committed: Committed & { applied: true }) => T;
  /** Called once, whatever becomes of the plan, when the replica shows its outcome. */
  readonly settle?: () => void;
}

/** A decision that needs no commit. */
export interface Settled<T> {
  readonly result: T;
}

/** How often a command decides again; each conflict means that another one went through, so this is rarely reached. */
const ROUNDS_MAX = 50;

/**
 * How old the replica may be when something is decided on it, ms. Less than the shortest lease: so a port that was
 * granted and lost since, and has to rest, cannot be missed.
 */
const STALE_AFTER = 4_000;

/**
 * Runs commands: each decides on the replica, commits with conditions that hold only if the replica was right, and
 * on a conflict catches up and decides again. So every promise rests on the store alone.
 */
export class Executor {
  readonly #replica: Replica;
  readonly #committer: Committer;
  readonly #store: Store;
  /** The replica has all that was committed before this time, ms of the monotonic clock. */
  #provenAt = Number.NEGATIVE_INFINITY;
  /** One that is not sent to the store yet. */
  #look: Promise<void> | undefined;

  constructor(store: Store, replica: Replica, committer: Committer) {
    this.#store = store;
    this.#replica = replica;
    this.#committer = committer;
  }

  get fleet(): Fleet {
    return this.#replica.fleet;
  }

  get acknowledgement() {
    return this.#store.acknowledgement;
  }

  /** Why the acknowledgement is less than it should be; `null` when it is not. */
  get lowered() {
    return this.#store.lowered;
  }

  /**
   * @param decide called once a round, from round 0; it may throw a PortolanError to refuse
   * @throws PortolanError of the store, of `decide`, or `contention` when others were faster every time
   */
  async execute<T>(decide: (round: number) => Plan<T> | Settled<T> | Promise<Plan<T> | Settled<T>>): Promise<T> {
    const began = performance.now();
    if (began - this.#provenAt > STALE_AFTER) await this.catchUp();
    for (let round = 0; round < ROUNDS_MAX; ) {
      let plan: Plan<T> | Settled<T>;
      try {
        const decided = decide(round);
        plan = decided instanceof Promise ? await decided : decided;
      } catch (error) {
        if (!(error instanceof PortolanError) || this.#provenSince(began)) throw error;
        await this.catchUp();
        continue;
      }
      if ('result' in plan) {
        if (this.#provenSince(began)) return plan.result;
        await this.catchUp();
        continue;
      }
      try {
        const asked = performance.now();
        const by = actor();
        const told = plan.alternatives.map((each) => withHistory(each, this.fleet, by));
        const alternatives = attributed(told, this.fleet);
        const committed = await this.#committer.commit({ alternatives }, currentSender());
        // Both ways: an answer must be readable afterwards, and a conflict must be seen before deciding again.
        if (!this.#replica.has(committed.position)) await this.#shown(committed);
        this.#provenAt = Math.max(this.#provenAt, asked);
        if (committed.applied) return plan.answer(committed);
      } finally {
        plan.settle?.();
      }
      round++;
    }
    throw new PortolanError('contention', `others changed the same entries ${ROUNDS_MAX} times in a row; try again`);
  }

  /**
   * What is answered without a commit, a refusal above all, is decided on the copy alone: it counts only if the store
   * has shown, since the request came, that nobody changed it meanwhile.
   */
  #provenSince(began: number): boolean {
    return this.#provenAt >= began;
  }

  /** Waits until the replica shows a commit. */
  async #shown({ position, epoch, applied }: Committed): Promise<void> {
    try {
      await this.#replica.reached(position, epoch);
    } catch (error) {
      if (!applied || !(error instanceof PortolanError)) throw error;
      throw new PortolanError('durability-unknown', `it was committed, but then ${error.message}`, error.data, {
        cause: error,
      });
    }
  }

  /**
   * Brings the replica to the store's head, with the same acknowledgement as a commit: an isolated store cannot
   * answer it.
   */
  async catchUp(): Promise<void> {
    const sender = currentSender();
    sender?.admit(false);
    await (this.#look ??= this.#lookAtStore());
    sender?.admit(false);
  }

  /** All that ask in one turn of the event loop share one: the committer sends it in the next turn at the earliest. */
  async #lookAtStore(): Promise<void> {
    let asked = performance.now();
    setImmediate(() => {
      asked = performance.now();
      this.#look = undefined;
    });
    try {
      const { position, epoch } = await this.#committer.commit({ alternatives: [alternative({})] });
      await this.#replica.reached(position, epoch);
    } catch (error) {
      throw error instanceof PortolanError && error.code === 'durability-unknown' ? unproven(error) : error;
    }
    this.#provenAt = Math.max(this.#provenAt, asked);
  }
}

/** Of a commit that changes nothing, nothing can be in doubt. */
function unproven(error: PortolanError): PortolanError {
  return new PortolanError(
    'not-ready',
    `the store did not confirm that this coordinator's copy is up to date (${error.message.split(':')[0]}); nothing was changed, try again`,
    error.data,
    { cause: error },
  );
}
