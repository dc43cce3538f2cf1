import { type Held, key, PortolanError } from '@portolan/model';
import type { Replica } from '../replica.ts';
import { BOOTSTRAP, describe, type Principal } from './principal.ts';

interface Session {
  readonly principal: Principal;
  /** Ends the stream because its token is no longer accepted. */
  readonly close: () => void;
}

/** How often streams are looked at whose tokens have an end, ms. */
const LOOK_EVERY = 1_000;

/** The streams that are open, by the token that opened them: they end when it does. */
export class Sessions {
  readonly #max: number;
  readonly #byToken = new Map<string, Set<Session>>();
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;

  /** @param max how many streams a token may have open, other than an admin's */
  constructor(replica: Replica, max: number) {
    this.#max = max;
    this.#unsubscribe = replica.subscribe({
      applied: ({ touches }) => {
        for (const { kind, before, after } of touches) {
          if (kind === 'token' && before && !after) this.#close((before as Held<'token'>).value.id);
        }
      },
      reset: () => {
        for (const id of this.#byToken.keys()) {
          if (id !== BOOTSTRAP.id && !replica.fleet.has(key.token(id))) this.#close(id);
        }
      },
    });
    this.#timer = setInterval(() => this.#expire(), LOOK_EVERY);
    this.#timer.unref();
  }

  /**
   * @returns a function that tells of the stream's end
   * @throws PortolanError `too-many`
   */
  open(principal: Principal, close: () => void): () => void {
    const sessions = this.#byToken.get(principal.id) ?? new Set();
    if (sessions.size >= this.#max && principal.role !== 'admin') {
      throw new PortolanError('too-many', `${describe(principal)} has ${this.#max} streams open already; close some`, {
        limit: this.#max,
      });
    }
    const session: Session = { principal, close };
    sessions.add(session);
    this.#byToken.set(principal.id, sessions);
    return () => {
      sessions.delete(session);
      if (sessions.size === 0 && this.#byToken.get(principal.id) === sessions) this.#byToken.delete(principal.id);
    };
  }

  stop(): void {
    this.#unsubscribe();
    clearInterval(this.#timer);
  }

  #close(id: string): void {
    for (const { close } of [...(this.#byToken.get(id) ?? [])]) close();
  }

  #expire(): void {
    for (const [id, sessions] of this.#byToken) {
      const [first] = sessions;
      if (first && hasExpired(first.principal)) this.#close(id);
    }
  }
}

export function hasExpired({ expiresAt }: Pick<Principal, 'expiresAt'>): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now();
}
