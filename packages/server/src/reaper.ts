import { setTimeout as sleep } from 'node:timers/promises';
import { type Finding, type Fleet, type Host, key, type RestingPort, serviceId } from '@portolan/model';
import type { Logger } from 'pino';
import { put } from './commands/entries.ts';
import { GOSSIP_TTL, HOST_TTL, hostLease } from './commands/hosts.ts';
import type { Duty, Term } from './leader.ts';
import type { Replica } from './replica.ts';
import { Outage } from './store/outage.ts';
import type { Store } from './store/store.ts';

const SWEEP_EVERY = 1_000;
const SWEEP_MAX = 500;
/** A store that was silent so long, ms, may have kept holders of the shortest leases from renewing. */
const SILENCE_MAX = 2_000;
/** How long a port rests after its lease ended, ms. */
export const REST = 15_000;
/** More than this part of all leases due in one sweep is taken for a fault of ours, not of their holders. */
const MASS_PART = 0.15;
/** Below this many it is taken for what it looks like: a fleet of five leases may well lose one. */
const MASS_MIN = 20;
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
  /** When the store last answered, by the monotonic clock, ms. */
  #heardAt = 0;

  /** @param vouchesFor whether a host is known to live without its reports */
  constructor(store: Store, replica: Replica, logger: Logger, vouchesFor: (host: string) => boolean = () => false) {
    this.#store = store;
    this.#vouchesFor = vouchesFor;
    this.#replica = replica;
    this.#logger = logger;
    this.#outage = new Outage(logger, 'no lease is ended, for the store does not answer', 'due leases are ended again');
  }

  lead(term: Term, signal: AbortSignal): void {
    const heard: Term = {
      commit: async (parts) => {
        const committed = await term.commit(parts);
        if (committed) this.#heardAt = performance.now();
        return committed;
      },
    };
    void this.#reap(heard, signal);
  }

  async #reap(term: Term, signal: AbortSignal): Promise<void> {
    let epoch: number | undefined;
    while (!signal.aborted) {
      try {
        const before = this.#heardAt;
        const { leases } = await this.#store.due(SWEEP_MAX);
        this.#outage.worked();
        // After it: so what is due by a history that lacks renewals, after a failover, is told by its epoch.
        const proof = await term.commit({});
        if (proof) {
          // While nobody led, or the store was away, holders could not renew: nobody loses a lease for that.
          const away = proof.epoch !== epoch || this.#heardAt - before > SILENCE_MAX;
          if (!away) await this.#sweep(leases, term);
          else epoch = (await this.#extendAll(term)) ? proof.epoch : undefined;
        }
      } catch (error) {
        this.#outage.failed(error);
      }
      await sleep(SWEEP_EVERY, undefined, { signal }).catch(() => {});
    }
  }

  get #fleet(): Fleet {
    return this.#replica.fleet;
  }

  /** @returns whether all of them are extended */
  async #extendAll(term: Term): Promise<boolean> {
    const leases: { id: string; ttl: number }[] = [];
    for (const [id] of this.#fleet.leases()) leases.push(this.#extension(id));
    for (const { value } of this.#fleet.all('host')) {
      if (value.state === 'alive') leases.push({ id: hostLease(value.id), ttl: smeared(HOST_TTL * 1000) });
    }
    for (let i = 0; i < leases.length; i += SWEEP_MAX) {
      if (!(await term.commit({ leases: leases.slice(i, i + SWEEP_MAX) }))) return false;
    }
    return true;
  }

  #extension(id: string): { id: string; ttl: number } {
    const ttl = this.#fleet.leased(id)[0]?.value.lease?.ttl ?? 0;
    return { id, ttl: smeared(ttl * 1000) };
  }

  async #sweep(leases: readonly string[], term: Term): Promise<void> {
    const due = leases.filter((id) => id !== 'leader');
    if (due.length === 0) return this.#calm(term);
    const leased = due.filter((id) => this.#fleet.leased(id).length > 0);
    const standing = leased.filter((id) => this.#stands(id));
    for (const id of standing) await this.#keep(id, term);
    const assignments = leased.filter((id) => !standing.includes(id));
    const budget = Math.max(MASS_MIN, Math.ceil(this.#fleet.leaseCount * MASS_PART));
    if (assignments.length > budget && !this.#alarmed) {
      await this.#alarm(term, assignments);
      return;
    }
    const others = due.filter((id) => !leased.includes(id));
    for (const id of [...others, ...assignments.slice(0, budget)]) {
      await this.#end(id, term);
      // Away amid the sweep: what was due before may have been renewed in vain.
      if (performance.now() - this.#heardAt > SILENCE_MAX) return;
    }
  }

  /**
   * A lease follows the evidence, not who renews it: while a process that was given the port through its environment is
   * seen listening there, the lease goes on, whatever became of the process that asked for it.
   */
  #stands(id: string): boolean {
    return this.#fleet
      .leased(id)
      .some(({ value: { protocol, port, endpoint } }) =>
        [...this.#fleet.listeners(protocol, port)].some(
          ({ value: { host, identity } }) =>
            identity?.evidence.kind === 'lease' &&
            identity.service === serviceId(endpoint) &&
            identity.label === endpoint.label &&
            identity.instance === endpoint.instance &&
            this.#fleet.host(host)?.state === 'alive',
        ),
      );
  }

  async #keep(id: string, term: Term): Promise<void> {
    const held = this.#fleet.leased(id);
    const orphans = held.filter(({ value }) => value.unattended === undefined);
    await term.commit({
      conditions: [{ lease: id, due: true }, ...held.map(({ key, version }) => ({ key, version }))],
      puts: orphans.map(({ key, value }) => put<'assignment'>(key, { ...value, unattended: 'orphaned' })),
      leases: [this.#extension(id)],
    });
  }

  get #alarmed(): boolean {
    const finding = this.#fleet.get('finding', key.finding(MASS_EXPIRY))?.value;
    return finding !== undefined && finding.state !== 'resolved';
  }

  /** Gives all of them one more ttl and says so. Those still silent then end, but never more than a part in a sweep. */
  async #alarm(term: Term, due: readonly string[]): Promise<void> {
    const now = new Date().toISOString();
    const finding: Finding = {
      id: MASS_EXPIRY,
      kind: 'mass-expiry',
      severity: 'error',
      class: null,
      maskedBy: null,
      protocol: null,
      port: null,
      parties: [],
      summary: `${due.length} of ${this.#fleet.leaseCount} leases fell due at once: they were given one more ttl, for that looks like a fault of the network or the store, not of their holders.`,
      remedies: ['portolan hosts', 'check that the holders can reach a coordinator'],
      state: 'open',
      firstSeen: now,
      lastChanged: now,
    };
    this.#logger.warn(
      { due: due.length, leases: this.#fleet.leaseCount },
      'many leases fell due at once: reaping slowly',
    );
    await term.commit({
      puts: [put<'finding'>(key.finding(MASS_EXPIRY), finding)],
      leases: due.map((id) => this.#extension(id)),
    });
  }

  async #calm(term: Term): Promise<void> {
    if (!this.#alarmed) return;
    const held = this.#fleet.get('finding', key.finding(MASS_EXPIRY))!;
    const quietFor = Date.now() - Date.parse(held.value.lastChanged);
    // The leases that were given one more ttl have to have had their chance.
    const longest = Math.max(0, ...Array.from(this.#fleet.leases(), ([id]) => this.#extension(id).ttl));
    if (quietFor < longest) return;
    const resolved: Finding = { ...held.value, state: 'resolved', lastChanged: new Date().toISOString() };
    await term.commit({
      conditions: [{ key: held.key, version: held.version }],
      puts: [put<'finding'>(held.key, resolved)],
    });
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
    // Resting ports and tasks have the lease that is named as they are; any other lease has nothing left.
    const deletes = this.#fleet.has(id) ? [id] : [];
    await term.commit({ conditions: [stillDue], deletes, leases: gone });
  }
}

function smeared(ttl: number): number {
  return Math.round(ttl * (1 + Math.random() * SMEAR));
}
