import { drainedByHost, drainedRanges, type HostListener, type Verdict } from '@portolan/model';
import type { Duty, Term } from './leader.ts';
import { regularly } from './regularly.ts';
import type { Replica } from './replica.ts';
import { standingOf, tell } from './told-findings.ts';
import { Turns } from './turns.ts';

const DRAINING = new Set(['draining'] as const);
/** ms */
const LOOK_EVERY = 2_000;

/** Tells who uses up a range: a project, a host, or all together. Looks at what changed since it looked last. */
export class DrainingDuty implements Duty {
  readonly #replica: Replica;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  lead(term: Term, signal: AbortSignal): void {
    const { fleet } = this.#replica;
    const ofHosts = new Map<string, Verdict[]>();
    const hosts = new Set<string>();
    let changed = true;
    const all = () => {
      ofHosts.clear();
      for (const host of fleet.listeningHosts()) hosts.add(host);
      changed = true;
    };
    all();
    const unsubscribe = this.#replica.subscribe({
      applied: ({ touches }) => {
        for (const { kind, before, after } of touches) {
          if (kind === 'listener') hosts.add(((after ?? before)!.value as HostListener).host);
          else if (kind === 'range') all();
          else if (kind !== 'assignment' && kind !== 'block') continue;
          changed = true;
        }
      },
      reset: all,
    });
    signal.addEventListener('abort', unsubscribe, { once: true });
    regularly(LOOK_EVERY, signal, async () => {
      if (!changed) return;
      changed = false;
      const turns = new Turns();
      for (const host of hosts) {
        hosts.delete(host);
        const verdicts = drainedByHost(fleet, host);
        if (verdicts.length > 0) ofHosts.set(host, verdicts);
        else ofHosts.delete(host);
        if (turns.isOver) await turns.next();
      }
      const verdicts = [...drainedRanges(fleet), ...[...ofHosts.values()].flat()];
      // What could not be written is looked at again.
      changed ||= !(await tell(term, fleet, verdicts, standingOf(fleet, DRAINING)));
    });
  }
}
