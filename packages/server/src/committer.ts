import type { PortolanError } from '@portolan/model';
import type { GroupOutcome, Outcome, Store, Transaction } from './store/store.ts';

/** What became of one transaction, with the head and epoch after its group, and how surely that lasts. */
export type Committed = Outcome & Pick<GroupOutcome, 'position' | 'epoch' | 'acknowledgement'>;

/** For metrics. */
export interface CommittedGroup {
  readonly seconds: number;
  readonly applied: number;
  readonly conflicts: number;
}

export interface CommitListener {
  /** Called before those who handed the transactions in get their answers. */
  committed(group: readonly Transaction[], outcome: GroupOutcome): void;
  measured(group: CommittedGroup): void;
}

interface Waiting {
  readonly transaction: Transaction;
  readonly operations: number;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: unknown) => void;
}

const GROUP_MAX = 200;
/** Large groups hold up the store for all; a report of a big host travels alone. */
const GROUP_OPERATIONS = 6_000;
/** One group is applied by the store while the next one is on its way. */
const IN_FLIGHT_MAX = 2;

/**
 * Group commit: transactions that arrive while the store is busy travel together in the next group. So a group's
 * size follows the load by itself, and a lone transaction waits for nobody.
 */
export class Committer {
  readonly #store: Store;
  readonly #listener: CommitListener;
  #queue: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(store: Store, listener: CommitListener) {
    this.#store = store;
    this.#listener = listener;
  }

  /** @throws PortolanError as `Store.commit` does: then for every transaction of the group */
  commit(transaction: Transaction): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ transaction, operations: operationsOf(transaction), resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when everything that was handed in has its answer. */
  async drained(): Promise<void> {
    while (this.#inFlight > 0 || this.#queue.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= IN_FLIGHT_MAX || this.#queue.length === 0) return;
    this.#scheduled = true;
    // After the I/O of this turn of the event loop, so that requests that came together go together.
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#inFlight < IN_FLIGHT_MAX && this.#queue.length > 0) void this.#send(this.#take());
    });
  }

  #take(): Waiting[] {
    let operations = 0;
    let length = 0;
    while (length < this.#queue.length && length < GROUP_MAX) {
      operations += this.#queue[length]!.operations;
      if (length > 0 && operations > GROUP_OPERATIONS) break;
      length++;
    }
    return this.#queue.splice(0, length);
  }

  async #send(group: Waiting[]): Promise<void> {
    this.#inFlight++;
    const started = performance.now();
    try {
      const transactions = group.map(({ transaction }) => transaction);
      const outcome = await this.#store.commit(transactions);
      const { outcomes, position, epoch, acknowledgement } = outcome;
      this.#listener.committed(transactions, outcome);
      group.forEach(({ resolve }, i) => resolve({ ...outcomes[i]!, position, epoch, acknowledgement }));
      const applied = outcomes.filter((outcome) => outcome.applied).length;
      this.#listener.measured({
        seconds: (performance.now() - started) / 1000,
        applied,
        conflicts: group.length - applied,
      });
    } catch (error) {
      for (const { reject } of group) reject(error as PortolanError);
    } finally {
      this.#inFlight--;
      this.#schedule();
    }
  }
}

function operationsOf({ alternatives }: Transaction): number {
  let operations = 0;
  for (const { conditions, puts, deletes, leases } of alternatives) {
    operations += conditions.length + puts.length + deletes.length + leases.length;
  }
  return operations;
}
