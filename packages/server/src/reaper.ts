import {
  type Coordinator,
  type Fleet,
  type Host,
  key,
  type RestingPort,
  rewritten,
  serviceId,
  verdictOf,
} from '@portolan/model';
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import { put } from './commands/entries.ts';
import { GOSSIP_TTL, HOST_TTL, hostLease } from './commands/hosts.ts';
import { brake, type Ended } from './expiry-brake.ts';
import type { Duty, Term } from './leader.ts';
import { FORGOTTEN_AFTER, PRESENCE_TTL } from './presence.ts';
import type { Replica } from './replica.ts';
import { Outage } from './store/outage.ts';
import type { DueLeases, Store } from './store/store.ts';
import { tell } from './told-findings.ts';

const SWEEP_EVERY = 1_000;
const SWEEP_MAX = 500;
/** A store that was silent so long, ms, may have kept holders of the shortest leases from renewing. */
const SILENCE_MAX = 2_000;
/** The finding of an alarm stays open for so long at most when all is quiet, ms. */
const QUIET_MAX = 3_600_000;
/** Commits of a sweep that are under way at once. */
const AT_ONCE = 50;
/** How long a port rests after its lease ended, ms. */
export const REST = 15_000;
/** Renewed leases end at different times, so that what could not be kept does not end in one moment. */
const SMEAR = 0.25;
const MASS_EXPIRY = 'mass-expiry';

/**
 * Ends what is past its deadline by the store's clock: leases, resting ports, hosts that fell silent, tasks. Each
 * end is a commit that holds only if the lease is still due and its entries are still those that were seen.
 */
export class ReaperDuty implements Duty {
  readonly #store: Store;
  readonly #replica: Replica;
  readonly #logger: Logger;
  readonly #outage: Outage;
  readonly #vouchesFor: (host: string) => boolean;
  readonly #clock: Clock;
  /** When the store last answered, by the monotonic clock, ms. */
  #heardAt = 0;
  /** Leases that this leader ended lately. */
  #ended: readonly Ended[] = [];
  /** What the last alarm of this leader gave each lease, ms, and when by the store's clock: at the earliest and the latest. */
  #spared: Spared = NONE_SPARED;
  /** When the store last answered all that a sweep asked, ms of the monotonic clock. */
  #provenAt = 0;
  /** Since when none has ended for that, at most as long as this leads, ms of the monotonic clock. */
  #quietSince = 0;

  /** @param vouchesFor whether a host is known to live without its reports */
  constructor(
    store: Store,
    replica: Replica,
    logger: Logger,
    vouchesFor: (host: string) => boolean = () => false,
    clock: Clock = systemClock,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#vouchesFor = vouchesFor;
    this.#replica = replica;
    this.#logger = logger;
    this.#outage = new Outage(logger, 'lease expiry is paused: the store does not answer', 'lease expiry resumes');
  }

  lead(term: Term, signal: AbortSignal): void {
    const heard: Term = {
      commit: async (parts) => {
        const committed = await term.commit(parts);
        if (committed) this.#heardAt = this.#clock.now();
        return committed;
      },
    };
    this.#ended = [];
    this.#spared = NONE_SPARED;
    this.#provenAt = this.#clock.now();
    this.#quietSince = this.#clock.now();
    void this.#reap(heard, signal);
  }

  async #reap(term: Term, signal: AbortSignal): Promise<void> {
    // While nobody led holders may not have been able to renew: a term begins with more time for all.
    let extended = false;
    let before: Clocks | undefined;
    while (!signal.aborted) {
      try {
        const asked = this.#clock.now();
        const due = await this.#store.due(SWEEP_MAX);
        const now = { store: due.time, own: this.#clock.now() };
        this.#outage.worked();
        // After it: what is due by a history that the store has lost since does not hold in this one.
        if (await term.commit({})) {
          const proven = this.#clock.now();
          const silence = Math.max(asked - (this.#provenAt + SWEEP_EVERY), now.own - asked, proven - now.own);
          const away = silence > SILENCE_MAX || (before !== undefined && stepped(before, now));
          before = now;
          if (extended && !away) await this.#sweep(due, term);
          else extended = (await this.#extendAll(term)) !== undefined;
          this.#provenAt = this.#clock.now();
        }
      } catch (error) {
        this.#outage.failed(error);
      }
      await this.#clock.sleep(SWEEP_EVERY, signal);
    }
  }

  get #fleet(): Fleet {
    return this.#replica.fleet;
  }

  /** @returns how much time each was given, ms, by its id; nothing when not all of them were */
  async #extendAll(term: Term): Promise<ReadonlyMap<string, number> | undefined> {
    const leases: { id: string; ttl: number }[] = [];
    for (const [id] of this.#fleet.leases()) leases.push(this.#extension(id));
    for (const { value } of this.#fleet.all('host')) {
      if (value.state === 'alive') leases.push({ id: hostLease(value.id), ttl: smeared(HOST_TTL * 1000) });
    }
    for (const { key: id, value } of this.#fleet.all('coordinator')) {
      if (value.state === 'alive') leases.push({ id, ttl: smeared(PRESENCE_TTL) });
    }
    for (let i = 0; i < leases.length; i += SWEEP_MAX) {
      if (!(await term.commit({ leases: leases.slice(i, i + SWEEP_MAX) }))) return undefined;
    }
    return new Map(leases.map(({ id, ttl }) => [id, ttl]));
  }

  #extension(id: string): { id: string; ttl: number } {
    return { id, ttl: smeared(this.#ttlOf(id)) };
  }

  /** ms */
  #ttlOf(id: string): number {
    return (this.#fleet.leased(id)[0]?.value.lease?.ttl ?? 0) * 1000;
  }

  async #sweep({ leases, deadlines }: DueLeases, term: Term): Promise<void> {
    const deadlineOf = new Map(leases.map((id, i) => [id, deadlines[i]!]));
    const due = leases.filter((id) => id !== 'leader');
    const leased = due.filter((id) => this.#fleet.leased(id).length > 0);
    const standing = leased.filter((id) => this.#stands(id));
    await this.#each(standing, (id) => this.#keep(id, term));
    const kept = new Set(standing);
    const silent = leased.filter((id) => !kept.has(id));
    if (silent.length === 0) await this.#calm(term);
    const { end, alarm, ended } = brake(this.#ended, {
      now: this.#clock.now(),
      due: silent.map((id) => ({ id, ttl: this.#ttlOf(id), spared: this.#isSpared(id, deadlineOf.get(id)!) })),
      standing: this.#fleet.leaseCount,
    });
    this.#ended = ended;
    if (alarm) await this.#alarm(term, silent.length);
    const known = new Set(leased);
    await this.#each([...due.filter((id) => !known.has(id)), ...end.map(({ id }) => id)], (id) => this.#end(id, term));
  }

  async #each(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
    for (let i = 0; i < ids.length; i += AT_ONCE) {
      await Promise.all(ids.slice(i, i + AT_ONCE).map(work));
      // Away amid the sweep: what was due before may have been renewed in vain.
      if (this.#clock.now() - this.#heardAt > SILENCE_MAX) return;
    }
  }

  /** Whether it is due at the very time that the last alarm gave it: whoever renewed it since has moved that. */
  #isSpared(id: string, deadline: number): boolean {
    const { from, to, given } = this.#spared;
    const ttl = given.get(id);
    return ttl !== undefined && from + ttl <= deadline && deadline <= to + ttl;
  }

  /**
   * A lease follows the evidence, not who renews it: while a process that was given the port through its environment is
   * seen listening there, the lease goes on, whatever became of the process that asked for it. Where its holder named the
   * host, only what is seen on that one counts: else any agent could keep any lease from ending.
   */
  #stands(id: string): boolean {
    return this.#fleet
      .leased(id)
      .some(({ value: { protocol, port, endpoint, host: named } }) =>
        [...this.#fleet.listeners(protocol, port)].some(
          ({ value: { host, identity } }) =>
            identity?.evidence.kind === 'lease' &&
            identity.service === serviceId(endpoint) &&
            identity.label === endpoint.label &&
            identity.instance === endpoint.instance &&
            (named === undefined || named === host || this.#fleet.host(named) === undefined) &&
            this.#fleet.host(host)?.state === 'alive',
        ),
      );
  }

  async #keep(id: string, term: Term): Promise<void> {
    const held = this.#fleet.leased(id);
    const orphans = held.filter(({ value }) => value.unattended === undefined);
    await term.commit({
      conditions: [{ lease: id, due: true }, ...held.map(({ key, version }) => ({ key, version }))],
      puts: orphans.map((each) => put<'assignment'>(each.key, rewritten(each, { unattended: 'orphaned' }))),
      leases: [this.#extension(id)],
    });
  }

  /** Gives all leases one more ttl and says so: those that are not due yet would be in a moment. */
  async #alarm(term: Term, due: number): Promise<void> {
    const leases = this.#fleet.leaseCount;
    const verdict = verdictOf({
      id: MASS_EXPIRY,
      kind: 'mass-expiry',
      severity: 'error',
      summary: `Too many of ${leases} leases fell due within a short time, ${due} of them just now: all were extended by one ttl, because this looks like a network or store problem rather than dead holders.`,
      remedies: ['portolan hosts', 'check that the holders can reach a coordinator'],
    });
    this.#logger.warn({ due, leases }, 'many leases fell due within a short time: all are given one more ttl');
    this.#quietSince = this.#clock.now();
    const { time: from } = await this.#store.due(0);
    const given = await this.#extendAll(term);
    if (!given) return;
    const { time: to } = await this.#store.due(0);
    this.#spared = { from, to, given };
    await tell(term, this.#fleet, [verdict], []);
  }

  async #calm(term: Term): Promise<void> {
    const alarm = this.#fleet.standing(MASS_EXPIRY);
    if (!alarm) return;
    // The leases that were given one more ttl have to have had their chance.
    let longest = 0;
    for (const [id] of this.#fleet.leases()) longest = Math.max(longest, this.#ttlOf(id) * (1 + SMEAR));
    if (this.#clock.now() - this.#quietSince < Math.min(longest, QUIET_MAX)) return;
    await tell(term, this.#fleet, [], [alarm.value]);
  }

  async #end(id: string, term: Term): Promise<void> {
    const gone = [{ id, ttl: null }];
    const stillDue = { lease: id, due: true };
    const assignments = this.#fleet.leased(id);
    if (assignments.length > 0) {
      const until = new Date(Date.now() + REST).toISOString();
      const rests = assignments.map(({ value: { protocol, port, endpoint } }) => {
        const rest: RestingPort = { protocol, port, endpoint, reason: 'expired', until };
        return { key: key.resting(protocol, port), rest };
      });
      await term.commit({
        conditions: [stillDue, ...assignments.map(({ key, version }) => ({ key, version }))],
        puts: rests.map(({ key, rest }) => put<'resting'>(key, rest)),
        deletes: assignments.flatMap(({ key: entryKey, value }) => [
          entryKey,
          key.endpoint(value.endpoint, value.protocol),
        ]),
        leases: [...gone, ...rests.map(({ key }) => ({ id: key, ttl: REST }))],
      });
      return;
    }
    const host = id.startsWith('host:') ? this.#fleet.get('host', key.host(id.slice('host:'.length))) : undefined;
    if (host?.value.state === 'alive' && this.#vouchesFor(host.value.id)) {
      await term.commit({ conditions: [stillDue], leases: [{ id, ttl: smeared(GOSSIP_TTL * 1000) }] });
      return;
    }
    if (host?.value.state === 'alive') {
      // Its listeners stay, marked stale by the state of their host: silence is no proof that they are gone.
      const silent: Host = { ...host.value, state: 'unreachable', stateSince: new Date().toISOString() };
      const conditions = [stillDue, { key: host.key, version: host.version }];
      await term.commit({ conditions, puts: [put<'host'>(host.key, silent)], leases: gone });
      return;
    }
    const coordinator = this.#fleet.get('coordinator', id);
    if (coordinator?.value.state === 'alive') {
      const stateSince = new Date(Date.now() - PRESENCE_TTL).toISOString();
      const missing: Coordinator = { ...coordinator.value, state: 'missing', stateSince };
      await term.commit({
        conditions: [stillDue, { key: id, version: coordinator.version }],
        puts: [put<'coordinator'>(id, missing)],
        leases: [{ id, ttl: FORGOTTEN_AFTER }],
      });
      return;
    }
    // Resting ports, tasks and coordinators that are missing have the lease that is named as they are; any other lease has nothing left.
    const deletes = this.#fleet.has(id) ? [id] : [];
    await term.commit({ conditions: [stillDue], deletes, leases: gone });
  }
}

function smeared(ttl: number): number {
  return Math.round(ttl * (1 + Math.random() * SMEAR));
}

/** The store's clock and the monotonic one of this process, read at about the same time, ms. */
interface Clocks {
  readonly store: number;
  readonly own: number;
}

interface Spared {
  readonly from: number;
  readonly to: number;
  readonly given: ReadonlyMap<string, number>;
}

const NONE_SPARED: Spared = { from: 0, to: 0, given: new Map() };

/** What two clocks that go alike may differ by between two sweeps, ms. */
const STEP_MAX = 1_000;

/** Whether the store's clock went further than time did: it was set, or another server's goes ahead of it. */
function stepped(before: Clocks, now: Clocks): boolean {
  return now.store - before.store - (now.own - before.own) > STEP_MAX;
}
