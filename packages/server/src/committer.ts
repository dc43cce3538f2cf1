import { PortolanError, type ProblemCode } from '@portolan/model';
import type { Sender } from './access/sender.ts';
import type { GroupOutcome, Outcome, Store, Transaction } from './store/store.ts';
import { tooMany } from './too-many.ts';

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
  /** Who waits for the request that it is of. */
  readonly sender: Sender | undefined;
  readonly changes: boolean;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: unknown) => void;
}

/** Errors of the store after which nothing of the group was applied. */
const UNDONE: ReadonlySet<ProblemCode> = new Set(['store-unavailable', 'too-large']);
/** What the requests of one account may have waiting here; the store gets through it in about a second. */
const ACCOUNT_OPERATIONS = 50_000;
const GROUP_MAX = 200;
/** Large groups hold up the store for all; a report of a big host travels alone. */
const GROUP_OPERATIONS = 6_000;
/** A turn of the event loop that takes longer may be one in which this process stood still, ms. */
const STALL = 100;
/** One group is applied by the store while the next one is on its way. */
const IN_FLIGHT_MAX = 2;

/**
 * Group commit: transactions that arrive while the store is busy travel together in the next group. So a group's
 * size follows the load by itself, and a lone transaction waits for nobody.
 */
export class Committer {
  readonly #store: Store;
  readonly #listener: CommitListener;
  /** Since the last turn of the event loop. */
  readonly #arrived: Waiting[] = [];
  readonly #queue: Waiting[] = [];
  /** Operations that wait or are under way, by the account whose requests they are of. */
  readonly #owed = new Map<string, number>();
  #inFlight = 0;
  #scheduled = false;
  #turnedAt = 0;
  /** Never twice in a row: where every turn takes long, commits must get through all the same. */
  #lookedAgain = false;

  constructor(store: Store, listener: CommitListener) {
    this.#store = store;
    this.#listener = listener;
  }

  /**
   * @param sender of the request that it is of; without one it is done whoever waits
   * @throws PortolanError as `Store.commit` does: then for every transaction of the group; `abandoned` when it is of a
   * request whose sender has gone: then it was not sent; `too-many` when its account has too much waiting already
   */
  commit(transaction: Transaction, sender?: Sender): Promise<Committed> {
    const operations = operationsOf(transaction);
    const account = sender?.limitedAs;
    if (account === undefined) return this.#enqueue(transaction, operations, sender);
    const owed = this.#owed.get(account) ?? 0;
    // What is begun is carried through, and a transaction that is large by itself has to get through some time.
    if (owed > 0 && owed + operations > ACCOUNT_OPERATIONS && !sender?.begun)
      return Promise.reject(tooMany('requests with this token have too many changes waiting for the store'));
    this.#owed.set(account, owed + operations);
    return this.#enqueue(transaction, operations, sender).finally(() => {
      const left = this.#owed.get(account)! - operations;
      if (left > 0) this.#owed.set(account, left);
      else this.#owed.delete(account);
    });
  }

  #enqueue(transaction: Transaction, operations: number, sender: Sender | undefined): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#arrived.push({
        transaction,
        operations,
        sender,
        changes: changesSomething(transaction),
        resolve,
        reject,
      });
      this.#schedule();
    });
  }

  /** Resolves when everything that was handed in has its answer. */
  async drained(): Promise<void> {
    while (this.#inFlight + this.#queue.length + this.#arrived.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  #schedule(): void {
    const sendable = this.#queue.length > 0 && this.#inFlight < IN_FLIGHT_MAX;
    if (this.#scheduled || (this.#arrived.length === 0 && !sendable)) return;
    this.#scheduled = true;
    // After the I/O of this turn of the event loop, so that requests that came together go together.
    setImmediate(() => this.#turn());
  }

  /**
   * What arrived in this turn is sent in the next: a request is read in one turn and the end of its connection in the
   * next, although both have lain there for long when this process was frozen. When it was frozen in between, what the
   * system told of connections is old, and is looked at once more.
   */
  #turn(): void {
    this.#scheduled = false;
    const now = performance.now();
    const old = this.#queue.length > 0 && now - this.#turnedAt > STALL && !this.#lookedAgain;
    this.#turnedAt = now;
    this.#lookedAgain = old;
    while (!old && this.#inFlight < IN_FLIGHT_MAX && this.#queue.length > 0) {
      const group = this.#take().filter(admitted);
      if (group.length > 0) void this.#send(group);
    }
    for (const waiting of this.#arrived.splice(0)) this.#queue.push(waiting);
    this.#schedule();
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
      group.forEach((waiting, i) => {
        if (!outcomes[i]!.applied) withdraw(waiting);
        waiting.resolve({ ...outcomes[i]!, position, epoch, acknowledgement });
      });
      const applied = outcomes.filter((outcome) => outcome.applied).length;
      this.#listener.measured({
        seconds: (performance.now() - started) / 1000,
        applied,
        conflicts: group.length - applied,
      });
    } catch (error) {
      const undone = error instanceof PortolanError && UNDONE.has(error.code);
      for (const waiting of group) {
        if (undone) withdraw(waiting);
        waiting.reject(error);
      }
    } finally {
      this.#inFlight--;
      this.#schedule();
    }
  }
}

function admitted({ sender, changes, reject }: Waiting): boolean {
  try {
    sender?.admit(changes);
    return true;
  } catch (error) {
    reject(error);
    return false;
  }
}

function withdraw({ sender, changes }: Waiting): void {
  if (changes) sender?.withdraw();
}

function changesSomething({ alternatives }: Transaction): boolean {
  return alternatives.some(({ puts, deletes, leases }) => puts.length + deletes.length + leases.length > 0);
}

/** At least one: to look at the head alone costs something, too. */
function operationsOf({ alternatives }: Transaction): number {
  let operations = 1;
  for (const { conditions, puts, deletes, leases } of alternatives) {
    operations += conditions.length + puts.length + deletes.length + leases.length;
  }
  return operations;
}
