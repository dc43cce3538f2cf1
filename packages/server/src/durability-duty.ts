import { type Finding, key } from '@portolan/model';
import { put } from './commands/entries.ts';
import type { Duty, Term } from './leader.ts';
import { regularly } from './regularly.ts';
import type { Replica } from './replica.ts';
import type { Store } from './store/store.ts';

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
    regularly(LOOK_EVERY, signal, () => this.#tell(term));
  }

  async #tell(term: Term): Promise<void> {
    const entryKey = key.finding(FINDING);
    const before = this.#replica.fleet.get('finding', entryKey);
    const { acknowledgement, lowered } = this.#store;
    const open = before !== undefined && before.value.state !== 'resolved';
    const summary = `Commits are acknowledged by "${acknowledgement}" only: ${lowered}.`;
    if (lowered === null ? !open : open && before.value.summary === summary) return;
    const now = new Date().toISOString();
    const finding: Finding =
      lowered === null
        ? { ...before!.value, state: 'resolved', lastChanged: now }
        : {
            id: FINDING,
            kind: 'durability-lowered',
            severity: 'warning',
            class: null,
            maskedBy: null,
            protocol: null,
            port: null,
            parties: [],
            summary,
            remedies: ['portolan doctor --redis (it says what to do)'],
            state: open ? before.value.state : 'open',
            firstSeen: open ? before.value.firstSeen : now,
            lastChanged: now,
          };
    const conditions = [{ key: entryKey, version: before?.version ?? null }];
    await term.commit({ conditions, puts: [put<'finding'>(entryKey, finding)] });
  }
}
