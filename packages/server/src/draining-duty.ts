import {
  drainedByHost,
  drainedRanges,
  type Finding,
  type HostListener,
  key,
  merged,
  type Verdict,
} from '@portolan/model';
import { put } from './commands/entries.ts';
import { forgotten } from './findings.ts';
import type { Duty, Term } from './leader.ts';
import { regularly } from './regularly.ts';
import type { Replica } from './replica.ts';
import type { Put } from './store/store.ts';
import { Turns } from './turns.ts';

/** ms */
const LOOK_EVERY = 2_000;
/** Of one commit. */
const PUTS_MAX = 200;

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
        const verdicts = drainedByHost(fleet, host, (id) => this.#stands(id));
        if (verdicts.length > 0) ofHosts.set(host, verdicts);
        else ofHosts.delete(host);
        if (turns.isOver) await turns.next();
      }
      const verdicts = [...drainedRanges(fleet, (id) => this.#stands(id)), ...[...ofHosts.values()].flat()];
      // What could not be written is looked at again.
      changed ||= !(await this.#tell(verdicts, term));
    });
  }

  #stands(id: string): boolean {
    const held = this.#replica.fleet.get('finding', key.finding(id));
    return held !== undefined && held.value.state !== 'resolved';
  }

  /** @returns whether everything is written */
  async #tell(verdicts: readonly Verdict[], term: Term): Promise<boolean> {
    const { fleet } = this.#replica;
    const now = new Date().toISOString();
    const said = new Set(verdicts.map(({ id }) => id));
    const gone = Array.from(fleet.all('finding'), ({ value }) => value).filter(
      ({ id, kind, state }) => kind === 'draining' && state !== 'resolved' && !said.has(id),
    );
    const findings: Finding[] = [
      ...verdicts.flatMap((verdict) => merged(fleet.get('finding', key.finding(verdict.id))?.value, verdict, now)),
      ...gone.map((finding): Finding => ({ ...finding, state: 'resolved', lastChanged: now })),
    ];
    if (findings.length === 0) return true;
    const puts: Put[] = findings.slice(0, PUTS_MAX).map((each) => put<'finding'>(key.finding(each.id), each));
    const conditions = puts.map((each) => ({ key: each.key, version: fleet.version('finding', each.key) }));
    const done = await term.commit({ conditions, puts, deletes: forgotten(fleet, puts) });
    return done !== undefined && puts.length === findings.length;
  }
}
