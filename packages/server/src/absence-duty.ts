import {
  type Coordinator,
  type Finding,
  type Host,
  key,
  missingVerdict,
  outageVerdict,
  type PastOutage,
  unreachableVerdicts,
  type Verdict,
} from '@portolan/model';
import { type Clock, systemClock } from './clock.ts';
import type { Duty, Term } from './leader.ts';
import { GRACE_DEFAULT } from './plan-duty.ts';
import type { Replica } from './replica.ts';
import { standingOf, tell } from './told-findings.ts';

const LOOK_EVERY = 2_000;
const ABSENT = new Set(['host-unreachable', 'coordinator-missing'] as const);
const OUTAGES = { store: 'store-unavailable', leader: 'no-leader' } as const;
/** The finding of an outage that is over stands for so long, ms: somebody is to see it. */
const OUTAGE_TOLD_FOR = 600_000;

interface Parts {
  readonly replica: Replica;
  /** Outages that ended lately, as this coordinator saw them. */
  readonly outages: () => readonly PastOutage[];
  /** How long a host or a coordinator may be away before it is a finding, seconds: a restart is none. */
  readonly grace?: number | undefined;
  readonly clock?: Clock;
}

/**
 * Tells of hosts and coordinators that nobody hears, and of outages when they are over: while the store is away nothing
 * can be written. What has to last before it counts begins to last anew with each term.
 */
export class AbsenceDuty implements Duty {
  readonly #replica: Replica;
  readonly #outages: () => readonly PastOutage[];
  readonly #grace: number;
  readonly #clock: Clock;

  constructor({ replica, outages, grace = GRACE_DEFAULT, clock = systemClock }: Parts) {
    this.#replica = replica;
    this.#outages = outages;
    this.#grace = grace * 1000;
    this.#clock = clock;
  }

  lead(term: Term, signal: AbortSignal): void {
    const { fleet } = this.#replica;
    /** Since when each was seen to be absent, by the key of its entry. */
    const absent = new Map<string, number>();
    let changed = true;
    let told = 0;
    const see = (entryKey: string, value: Host | Coordinator | undefined) => {
      if (value?.state !== 'unreachable' && value?.state !== 'missing') absent.delete(entryKey);
      else if (!absent.has(entryKey)) absent.set(entryKey, this.#clock.now());
      changed = true;
    };
    const seeAll = () => {
      absent.clear();
      for (const held of fleet.all('host')) see(held.key, held.value);
      for (const held of fleet.all('coordinator')) see(held.key, held.value);
    };
    seeAll();
    const unsubscribe = this.#replica.subscribe({
      applied: ({ touches }) => {
        for (const touch of touches) {
          if (touch.kind !== 'host' && touch.kind !== 'coordinator') continue;
          see(touch.key, touch.after?.value as Host | Coordinator | undefined);
        }
      },
      reset: seeAll,
    });
    signal.addEventListener('abort', unsubscribe, { once: true });
    void this.#look(term, signal, async () => {
      const now = this.#clock.now();
      const long = [...absent].filter(([, since]) => now - since >= this.#grace).map(([entryKey]) => entryKey);
      if (!changed && long.length === told) return;
      changed = false;
      told = long.length;
      changed ||= !(await tell(term, fleet, this.#verdicts(absent, new Set(long)), standingOf(fleet, ABSENT)));
    });
  }

  async #look(term: Term, signal: AbortSignal, tellAbsent: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await tellAbsent().catch(() => {});
      await this.#tellOutages(term).catch(() => {});
      await this.#clock.sleep(LOOK_EVERY, signal);
    }
  }

  /** @param long those that have been absent for long enough; what was told of already counts on */
  #verdicts(absent: ReadonlyMap<string, number>, long: ReadonlySet<string>): Verdict[] {
    const { fleet } = this.#replica;
    const stands = new Set(standingOf(fleet, ABSENT).flatMap(meantBy));
    const silent: Host[] = [];
    const missing: Coordinator[] = [];
    let unreachable = 0;
    for (const entryKey of absent.keys()) {
      const host = fleet.get('host', entryKey)?.value;
      const coordinator = fleet.get('coordinator', entryKey)?.value;
      const id = (host ?? coordinator)?.id;
      const counts = id !== undefined && (long.has(entryKey) || stands.has(id));
      if (host) unreachable++;
      if (host && counts) silent.push(host);
      if (coordinator && counts) missing.push(coordinator);
    }
    const hosts = Array.from(fleet.all('host')).filter(({ value }) => value.state !== 'left').length;
    return [...unreachableVerdicts(fleet, silent, { unreachable, hosts }), ...missing.map(missingVerdict)];
  }

  async #tellOutages(term: Term): Promise<void> {
    const { fleet } = this.#replica;
    for (const what of ['store', 'leader'] as const) {
      const id = OUTAGES[what];
      const before = fleet.get('finding', key.finding(id))?.value;
      const outage = this.#outages().findLast((each) => each.what === what);
      // Another coordinator that led in between has told it.
      const isNews = outage !== undefined && (before === undefined || before.lastChanged < outage.to);
      if (isNews) await tell(term, fleet, [outageVerdict(outage)], []);
      else if (before && before.state !== 'resolved' && Date.now() - Date.parse(before.lastChanged) > OUTAGE_TOLD_FOR)
        await tell(term, fleet, [], [before]);
    }
  }
}

/** Ids of the hosts and coordinators that a finding tells of. */
function meantBy({ id, parties }: Finding): string[] {
  return [id.slice(id.indexOf(':') + 1), ...parties.flatMap(({ host }) => host?.id ?? [])];
}
