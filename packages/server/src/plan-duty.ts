import {
  type Finding,
  HOST_CHECKS_MAX,
  healthDifference,
  key,
  merged,
  plannedServices,
  plannedServicesOf,
  planVerdicts,
  type ServiceId,
} from '@portolan/model';
import type { Logger } from 'pino';
import { put } from './commands/entries.ts';
import { forgotten } from './findings.ts';
import type { Duty, Term } from './leader.ts';
import type { Replica } from './replica.ts';
import type { Put } from './store/store.ts';

/** How long a required service may be away before it is a finding, seconds, unless told otherwise: a restart is none. */
export const GRACE_DEFAULT = 30;

type Kind = Finding['kind'];
/** How long a thing must have been so before it is told, ms, but no longer than the grace. What is not named is told at once. */
const RAISE_AFTER: Partial<Record<Kind, number>> = { drift: 5_000 };
/** How long it must have been otherwise before it is resolved, ms, so that a service which comes and goes is one finding. */
const CLEAR_AFTER: Partial<Record<Kind, number>> = {
  drift: 3_000,
  'not-listening': 3_000,
  exposed: 3_000,
  'health-failing': 5_000,
};

/** Services that one commit settles. */
const COMMIT_MAX = 100;
/** After a commit that did not go through, ms. */
const TRY_AGAIN_AFTER = 1_000;

/**
 * Holds the fleet against the plans: judges the planned services that a commit touched by the pure rules of the model, and
 * keeps the list of health checks that the agents are to make. Everything is judged once when the lead begins; what has to
 * last before it counts begins to last anew then.
 */
export class PlanDuty implements Duty {
  readonly #replica: Replica;
  readonly #logger: Logger;
  readonly #grace: number;

  /** @param grace how long a required service may be away, seconds */
  constructor(replica: Replica, logger: Logger, grace = GRACE_DEFAULT) {
    this.#replica = replica;
    this.#logger = logger;
    this.#grace = grace * 1000;
  }

  lead(term: Term, signal: AbortSignal): void {
    const { fleet } = this.#replica;
    const touched = new Set<ServiceId>(plannedServices(fleet));
    const patience = new Patience(this.#grace);
    let running = false;
    let timer: NodeJS.Timeout | undefined;
    const again = (after: number) => {
      clearTimeout(timer);
      timer = setTimeout(judge, Math.max(0, after)).unref();
    };
    const judge = async () => {
      if (running || signal.aborted) return;
      running = true;
      let failed = false;
      try {
        for (const id of patience.due(performance.now())) touched.add(id);
        while (touched.size > 0 && !signal.aborted && !failed) {
          const services = Array.from(touched).slice(0, COMMIT_MAX);
          for (const id of services) touched.delete(id);
          failed = !(await this.#settle(services, patience, term));
          if (failed) for (const id of services) touched.add(id);
        }
      } catch (error) {
        this.#logger.error({ err: error }, 'the fleet could not be held against its plans');
        failed = true;
      } finally {
        running = false;
        if (!signal.aborted) {
          const next = patience.next(performance.now());
          if (failed || touched.size > 0) again(TRY_AGAIN_AFTER);
          else if (next !== undefined) again(next);
        }
      }
    };
    const unsubscribe = this.#replica.subscribe({
      applied: ({ touches }) => {
        for (const touch of touches) for (const id of plannedServicesOf(fleet, touch)) touched.add(id);
        if (touched.size > 0) void judge();
      },
      reset: () => {
        for (const id of plannedServices(fleet)) touched.add(id);
        void judge();
      },
    });
    signal.addEventListener(
      'abort',
      () => {
        unsubscribe();
        clearTimeout(timer);
      },
      { once: true },
    );
    void judge();
  }

  /** @returns false when it has to be done again */
  async #settle(services: readonly ServiceId[], patience: Patience, term: Term): Promise<boolean> {
    const { fleet } = this.#replica;
    const now = new Date().toISOString();
    const puts: Put[] = [];
    const deletes: string[] = [];
    const added = new Map<string, number>();
    for (const id of services) {
      const health = healthDifference(fleet, id, now);
      deletes.push(...health.deletes);
      for (const { key: entryKey, value } of health.puts) {
        const count = (added.get(value.host) ?? fleet.plan.healthOn(value.host).size) + Number(!fleet.has(entryKey));
        if (count > HOST_CHECKS_MAX) continue;
        added.set(value.host, count);
        puts.push(put<'health'>(entryKey, value));
      }
      for (const finding of this.#findings(id, patience, now)) {
        puts.push(put<'finding'>(key.finding(finding.id), finding));
      }
    }
    if (puts.length + deletes.length === 0) return true;
    const conditions = [...puts.map((each) => each.key), ...deletes].map((entryKey) => ({
      key: entryKey,
      version: fleet.version(entryKey.slice(0, entryKey.indexOf('/')) as 'finding' | 'health', entryKey),
    }));
    return (await term.commit({ conditions, puts, deletes: [...deletes, ...forgotten(fleet, puts)] })) !== undefined;
  }

  /** The findings about a service that differ from those that stand, as far as they have lasted. */
  #findings(id: ServiceId, patience: Patience, now: string): Finding[] {
    const { fleet } = this.#replica;
    const verdicts = planVerdicts(fleet, id);
    const standing = Array.from(fleet.plan.findings(id), ({ value }) => value).filter(
      ({ state }) => state !== 'resolved',
    );
    const isStanding = new Set(standing.map((finding) => finding.id));
    const said = new Set(verdicts.map((verdict) => verdict.id));
    const at = performance.now();
    const news = verdicts.filter((verdict) => !isStanding.has(verdict.id));
    const gone = standing.filter((finding) => !said.has(finding.id));
    const lasted = patience.lasted(id, [...news.map(raised), ...gone.map(cleared)], at);
    return [
      ...verdicts
        .filter((verdict) => isStanding.has(verdict.id) || lasted.has(verdict.id))
        .flatMap((verdict) => merged(fleet.get('finding', key.finding(verdict.id))?.value, verdict, now)),
      ...gone
        .filter((finding) => lasted.has(finding.id))
        .map((finding): Finding => ({ ...finding, state: 'resolved', lastChanged: now })),
    ];
  }
}

interface Turn {
  readonly id: string;
  readonly kind: Kind;
  readonly to: 'raise' | 'clear';
}

function raised({ id, kind }: Pick<Finding, 'id' | 'kind'>): Turn {
  return { id, kind, to: 'raise' };
}

function cleared({ id, kind }: Pick<Finding, 'id' | 'kind'>): Turn {
  return { id, kind, to: 'clear' };
}

/** Since when each finding would turn, and when that counts. */
class Patience {
  readonly #grace: number;
  /** By service and finding: when it counts, by the monotonic clock, ms. */
  readonly #turns = new Map<ServiceId, Map<string, number>>();

  /** @param grace ms */
  constructor(grace: number) {
    this.#grace = grace;
  }

  /** @param turns all that would turn for this service now; what does so no longer begins anew @returns ids of those that lasted */
  lasted(service: ServiceId, turns: readonly Turn[], now: number): Set<string> {
    const before = this.#turns.get(service);
    const after = new Map<string, number>();
    const lasted = new Set<string>();
    for (const { id, kind, to } of turns) {
      const turn = `${to} ${id}`;
      const due = before?.get(turn) ?? now + this.#delay(kind, to);
      if (due <= now) lasted.add(id);
      // Kept until it is done: the commit may fail.
      after.set(turn, due);
    }
    if (after.size > 0) this.#turns.set(service, after);
    else this.#turns.delete(service);
    return lasted;
  }

  #delay(kind: Kind, to: Turn['to']): number {
    if (kind === 'not-listening' && to === 'raise') return this.#grace;
    return Math.min(this.#grace, (to === 'raise' ? RAISE_AFTER : CLEAR_AFTER)[kind] ?? 0);
  }

  /** The services that have something which lasts long enough by now. */
  due(now: number): ServiceId[] {
    return Array.from(this.#turns)
      .filter(([, turns]) => Array.from(turns.values()).some((due) => due <= now))
      .map(([id]) => id);
  }

  /** ms until the next one is due; `undefined` when nothing waits. */
  next(now: number): number | undefined {
    let next: number | undefined;
    for (const turns of this.#turns.values()) {
      for (const due of turns.values()) if (next === undefined || due < next) next = due;
    }
    return next === undefined ? undefined : Math.max(10, next - now);
  }
}
