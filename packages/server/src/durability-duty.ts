import { verdictOf } from '@portolan/model';
import type { Duty, Term } from './leader.ts';
import { regularly } from './regularly.ts';
import type { Replica } from './replica.ts';
import type { Store } from './store/store.ts';
import { tell } from './told-findings.ts';

const FINDING = 'durability-lowered';
/** ms */
const LOOK_EVERY = 1_000;

/** Keeps a finding for as long as the store acknowledges commits less surely than it should. */
export class DurabilityDuty implements Duty {
  readonly #store: Store;
  readonly #replica: Replica;

  constructor(store: Store, replica: Replica) {
    this.#store = store;
    this.#replica = replica;
  }

  lead(term: Term, signal: AbortSignal): void {
    regularly(LOOK_EVERY, signal, async () => {
      const { fleet } = this.#replica;
      const { acknowledgement, lowered } = this.#store;
      const verdict = verdictOf({
        id: FINDING,
        kind: 'durability-lowered',
        severity: 'warning',
        summary: `Commits are acknowledged by "${acknowledgement}" only: ${lowered}.`,
        remedies: ['portolan doctor --redis (it says what to do)'],
      });
      const before = fleet.standing(FINDING);
      await tell(term, fleet, lowered === null ? [] : [verdict], before ? [before.value] : []);
    });
  }
}
