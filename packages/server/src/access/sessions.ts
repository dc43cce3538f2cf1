import { PortolanError } from '@portolan/model';
import type { Replica } from '../replica.ts';
import { accountOf, describe, type Principal } from './principal.ts';

interface Session {
  readonly principal: Principal;
  /** Ends the stream because its token is no longer accepted. */
  readonly close: () => void;
}

/** How often streams are looked at because tokens have an end, ms. */
const LOOK_EVERY = 1_000;

/** The streams that are open, by the token that opened them: they end when it is accepted no more. */
export class Sessions {
  readonly #max: number;
  readonly #isValid: (principal: Principal) => boolean;
  readonly #byToken = new Map<string, Set<Session>>();
  /** How many streams a token has open, with its logins. */
  readonly #counts = new Map<string, number>();
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;

  /**
   * @param max how many streams a token may have open together with its logins, unless it is an admin's
   * @param isValid whether a token that was let in is still accepted
   */
  constructor(replica: Replica, max: number, isValid: (principal: Principal) => boolean) {
    this.#max = max;
    this.#isValid = isValid;
    this.#unsubscribe = replica.subscribe({
      applied: ({ touches }) => {
        if (touches.some(({ kind, after }) => kind === 'token' && !after)) this.#look();
      },
      reset: () => this.#look(),
    });
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY);
    this.#timer.unref();
  }

  /**
   * @returns a function that tells of the stream's end
   * @throws PortolanError `too-many`
   */
  open(principal: Principal, close: () => void): () => void {
    const account = accountOf(principal);
    const count = this.#counts.get(account) ?? 0;
    if (count >= this.#max && principal.role !== 'admin') {
      throw new PortolanError('too-many', `${describe(principal)} has ${this.#max} streams open already; close some`, {
        limit: this.#max,
      });
    }
    const session: Session = { principal, close };
    const sessions = this.#byToken.get(principal.id) ?? new Set();
    sessions.add(session);
    this.#byToken.set(principal.id, sessions);
    this.#counts.set(account, count + 1);
    return () => {
      if (!sessions.delete(session)) return;
      if (sessions.size === 0 && this.#byToken.get(principal.id) === sessions) this.#byToken.delete(principal.id);
      const left = this.#counts.get(account)! - 1;
      if (left === 0) this.#counts.delete(account);
      else this.#counts.set(account, left);
    };
  }

  stop(): void {
    this.#unsubscribe();
    clearInterval(this.#timer);
  }

  /** A token may end without a word of its own: its time is over, or the token that it was made with is gone. */
  #look(): void {
    for (const sessions of this.#byToken.values()) {
      const [first] = sessions;
      if (first && !this.#isValid(first.principal)) for (const { close } of [...sessions]) close();
    }
  }
}
