import { isOfStart, makerOf } from '@portolan/model';
import type { Duty, Term } from '../leader.ts';
import { regularly } from '../regularly.ts';
import type { Replica } from '../replica.ts';

/** ms */
const LOOK_EVERY = 1_000;
/** Logins that go with one commit: so few that neither the store nor the event loop is held up. */
const PORTION = 500;

/**
 * Removes logins that nobody accepts any more, because the token that they were made with is gone or is a login itself.
 * Nothing waits for it: the gate refuses them before. A look costs what there are tokens with logins.
 */
export class LoginsDuty implements Duty {
  readonly #replica: Replica;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  lead(term: Term, signal: AbortSignal): void {
    regularly(LOOK_EVERY, signal, async () => {
      for (let going = this.#portion(); going.length > 0 && !signal.aborted; going = this.#portion()) {
        const leases = going.map((id) => ({ id, ttl: null }));
        if (!(await term.commit({ deletes: going, leases }))) return;
      }
    });
  }

  #portion(): string[] {
    const { fleet } = this.#replica;
    const going: string[] = [];
    for (const parent of fleet.loginParents()) {
      if (this.#stands(parent)) continue;
      for (const { key: entryKey } of fleet.logins(parent)) {
        going.push(entryKey);
        if (going.length === PORTION) return going;
      }
    }
    return going;
  }

  /** Logins of another coordinator's start are its own affair: they end by themselves within half a day. */
  #stands(parent: string): boolean {
    return isOfStart({ parent }) || makerOf(parent, this.#replica.fleet) !== undefined;
  }
}
