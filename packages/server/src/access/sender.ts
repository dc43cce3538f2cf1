import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { PortolanError } from '@portolan/model';
import { accountOf, type Principal } from './principal.ts';

/** The connection that a request came by. */
type Line = Pick<Socket, 'destroyed' | 'readableEnded'>;

/**
 * Whoever sent a request, as long as somebody waits for its answer.
 *
 * A request is begun when a transaction of it that changes something is sent to the store. One whose sender has gone by
 * then is not begun: it would give a port that nobody knows of, after the sender asked elsewhere and gave that one back.
 * One that is begun is carried through whoever is gone, so that a command of several steps is not left half done.
 */
export class Sender {
  /** Where the work of many requests is shared out, this is whose it is; `undefined` for a stranger. */
  readonly account: string | undefined;
  /** The account, where what it may have under way is limited; an admin's is not. */
  readonly limitedAs: string | undefined;
  readonly #line: Line;
  /** ms */
  readonly #timeout: number | undefined;
  readonly #arrived = performance.now();
  /** Transactions that were sent and are not known to have changed nothing. */
  #changes = 0;

  /** @param timeout how long the sender said that it waits, ms */
  constructor(line: Line, timeout?: number, principal?: Pick<Principal, 'id' | 'parent' | 'role'>) {
    this.account = principal && accountOf(principal);
    this.limitedAs = principal?.role === 'admin' ? undefined : this.account;
    this.#line = line;
    this.#timeout = timeout;
  }

  /** Whether something of the request may have been done. */
  get begun(): boolean {
    return this.#changes > 0;
  }

  /**
   * Called at the moment a transaction of the request is sent to the store.
   *
   * @throws PortolanError `abandoned`
   */
  admit(changes: boolean): void {
    if (!this.begun) this.insistOnWaiting();
    if (changes) this.#changes++;
  }

  /** A transaction that changes something was admitted, and did not. */
  withdraw(): void {
    this.#changes--;
  }

  /** @throws PortolanError `abandoned` when it has gone */
  insistOnWaiting(): void {
    // A client that ends its side alone has gone, too: Node closes the other side then, and an answer would be lost.
    if (this.#line.destroyed || this.#line.readableEnded) {
      throw new PortolanError('abandoned', 'the connection was closed before the request was begun; nothing was done');
    }
    if (this.#timeout !== undefined && performance.now() - this.#arrived > this.#timeout) {
      throw new PortolanError(
        'abandoned',
        `the request could not be begun within its sender's limit of ${this.#timeout} ms; nothing was done, ask again`,
        { timeout: this.#timeout },
      );
    }
  }
}

const underway = new AsyncLocalStorage<Sender | undefined>();

/** Runs what a sender asked for: whatever its commands commit is sent only if the sender still waits, or it was begun before. */
export function onBehalfOf<T>(sender: Sender | undefined, run: () => T): T {
  return underway.run(sender, run);
}

/** Of the request that is carried out; `undefined` for what the coordinator does by itself. */
export function currentSender(): Sender | undefined {
  return underway.getStore();
}
