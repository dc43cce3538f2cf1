import type { Endpoint, Protocol } from '@portolan/model';
import { endedFurtherLosses, openLosses, resolvedLoss } from './commands/lost-finding.ts';
import type { Duty, Term } from './leader.ts';
import { regularly } from './regularly.ts';
import type { Replica } from './replica.ts';

/** ms */
const LOOK_EVERY = 2_000;

/**
 * Resolves the finding of a loss once its endpoint has a port again. Whoever grants it does so in the same commit, if its
 * copy has the finding by then; another coordinator may have written that a moment before.
 */
export class LossesDuty implements Duty {
  readonly #replica: Replica;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  lead(term: Term, signal: AbortSignal): void {
    regularly(LOOK_EVERY, signal, () => this.#settle(term));
  }

  async #settle(term: Term): Promise<void> {
    const { fleet } = this.#replica;
    const hasPort = (endpoint: Endpoint, protocol: Protocol) => fleet.assignmentOf(endpoint, protocol) !== undefined;
    for (const held of [...openLosses(fleet, hasPort), ...endedFurtherLosses(fleet)]) {
      const conditions = [{ key: held.key, version: held.version }];
      await term.commit({ conditions, puts: [resolvedLoss(held)] });
    }
  }
}
