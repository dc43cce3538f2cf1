import type { Member } from '@portolan/gossip';
import { type Fleet, type Host, key, proofOf } from '@portolan/model';
import type { Logger } from 'pino';
import { put } from '../commands/entries.ts';
import { GOSSIP_TTL, hostLease } from '../commands/hosts.ts';
import type { Tasks } from '../commands/tasks.ts';
import type { Duty, Term } from '../leader.ts';
import type { Replica } from '../replica.ts';
import { Damping } from './damping.ts';
import type { FleetGossip } from './fleet-gossip.ts';

/** How long the leases of a host that failed are kept, unless told otherwise, seconds. */
export const LOCK_DELAY = 45;

const LOOK_EVERY = 1_000;
/** When more than this part of the agents, and more than this many, are gone at once, the fault may be on our side. */
const MASS_PART = 0.5;
const MASS_MIN = 2;
/** What failed within this time counts as gone at once, ms. */
const MASS_WITHIN = 60_000;
/** How long a host may then say nothing before it counts as unreachable, ms: longer than between two of its reports. */
const IN_DOUBT = 120_000;
/** An agent that leaves says so to a coordinator, too, which is more than gossip knows; it has so long for that, ms. */
const GOODBYE = 5_000;

/** How long an agent may take to answer, ms; it is asked to test a port that nobody uses. */
const ANSWER_WITHIN = 5_000;
const A_PORT = 1;

export interface LivenessOptions {
  readonly replica: Replica;
  readonly gossip: FleetGossip;
  readonly tasks: Pick<Tasks, 'give'>;
  readonly logger: Logger;
  /** Seconds that the leases of a host which failed are kept; 45 unless told otherwise. */
  readonly lockDelay?: number | undefined;
}

/**
 * Writes down what gossip says of hosts. One whose agent failed becomes `unreachable`, and what its processes hold ends
 * after a grace time unless somebody renews it. That costs nobody anything who lives: its agent's next report, or its
 * return to gossip, makes it `alive` again, and its leases are the same as before.
 *
 * Members have one key, and any of them may say that another has failed or left. So gossip takes no listener away and
 * forgets no host: only what an agent says over HTTP, with its token, does that. Nor does a lease end because of what
 * gossip says alone: the agent is asked over its own line before.
 *
 * Gossip alone is not believed when most agents seem to be gone, for then it may well be this coordinator that is cut off:
 * those whose reports go on are alive. Nor is it believed again after a report came from a host that it had declared dead.
 */
export class LivenessDuty implements Duty {
  readonly #options: LivenessOptions;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  lead(term: Term, signal: AbortSignal): void {
    const { gossip, logger } = this.#options;
    const damping = new Damping();
    /** When the failure began that was written down last, by host. */
    const written = new Map<string, number>();
    let running = false;
    let again = false;
    const look = async () => {
      again = running;
      if (running || signal.aborted) return;
      running = true;
      try {
        await this.#settle(term, damping, written);
      } catch (error) {
        logger.error({ err: error }, 'what gossip says of hosts could not be written down');
      } finally {
        running = false;
        if (again) void look();
      }
    };
    const unsubscribe = gossip.onEvent(({ type }) => {
      if (type === 'failed' || type === 'join' || type === 'leave') void look();
    });
    const timer = setInterval(look, LOOK_EVERY).unref();
    signal.addEventListener('abort', () => {
      unsubscribe();
      clearInterval(timer);
    });
  }

  get #fleet(): Fleet {
    return this.#options.replica.fleet;
  }

  async #settle(term: Term, damping: Damping, written: Map<string, number>): Promise<void> {
    const agents = this.#options.gossip.agents();
    const justNow = Date.now() - MASS_WITHIN;
    const failed = agents.filter((agent) => isGone(agent) && agent.statusSince > justNow).length;
    const alive = agents.filter(({ status }) => status === 'alive').length;
    const inDoubt = failed > MASS_MIN && failed > (failed + alive) * MASS_PART;
    for (const member of agents) {
      const { name, status, statusSince } = member;
      const host = this.#fleet.host(name);
      if (!host) {
        damping.forget(name);
        written.delete(name);
        continue;
      }
      // What gossip knows may be older than what the host has said since, with or without gossip.
      const isNews = written.get(name) !== statusSince && Date.parse(host.stateSince) <= statusSince;
      const gone = isGone(member);
      if (!gone && status !== 'alive') continue;
      const believed = damping.believes(name, status === 'alive', performance.now());
      if (!believed) continue;
      if (status === 'alive' && host.state === 'unreachable') await this.#returned(name, term);
      if (gone && host.state === 'alive' && isNews) {
        written.set(name, statusSince);
        if (inDoubt) await this.#doubted(name, term);
        else await this.#failed(name, term);
      }
    }
  }

  async #failed(id: string, term: Term): Promise<void> {
    const { logger } = this.#options;
    const held = this.#fleet.get('host', key.host(id));
    if (!held) return;
    const host: Host = { ...held.value, state: 'unreachable', stateSince: new Date().toISOString() };
    const committed = await term.commit({
      conditions: [{ key: held.key, version: held.version }],
      puts: [put<'host'>(held.key, host)],
      leases: [{ id: hostLease(id), ttl: null }],
    });
    if (!committed) return;
    logger.warn({ host: id, name: host.name }, 'gossip lost the agent of a host');
    void this.#confirm(id, term).catch((error: unknown) => {
      logger.error({ err: error, host: id }, 'the leases of a lost host could not be shortened');
    });
  }

  /** Its agent is asked over its own line: when it answers nothing ends, else what the host holds does after the grace time. */
  async #confirm(id: string, term: Term): Promise<void> {
    const { tasks, logger, lockDelay = LOCK_DELAY } = this.#options;
    const answer = await tasks.give('probe', { host: id, protocol: 'tcp', ports: [A_PORT] }, ANSWER_WITHIN);
    const host = this.#fleet.host(id);
    if (host?.state !== 'unreachable') return;
    if (answer) return this.#returned(id, term);
    const leases = leasesOf(this.#fleet, id);
    if (leases.length > 0) logger.warn({ host: id, name: host.name, leases: leases.length }, 'its leases end sooner');
    for (const lease of leases) {
      await term.commit({ conditions: [{ lease }], leases: [{ id: lease, ttl: lockDelay * 1000 }] });
    }
  }

  async #returned(id: string, term: Term): Promise<void> {
    const held = this.#fleet.get('host', key.host(id));
    if (!held) return;
    const host: Host = { ...held.value, state: 'alive', stateSince: new Date().toISOString() };
    const committed = await term.commit({
      conditions: [{ key: held.key, version: held.version }],
      puts: [put<'host'>(held.key, host)],
      leases: [{ id: hostLease(id), ttl: GOSSIP_TTL * 1000 }],
    });
    if (committed) this.#options.logger.info({ host: id, name: host.name }, 'the agent of a host is back');
  }

  /** Its reports have to tell. */
  async #doubted(id: string, term: Term): Promise<void> {
    this.#options.logger.warn({ host: id }, 'gossip lost most agents at once: their reports have to tell who lives');
    await term.commit({ leases: [{ id: hostLease(id), ttl: IN_DOUBT }] });
  }
}

function isGone({ status, statusSince }: Member): boolean {
  return status === 'failed' || (status === 'left' && Date.now() - statusSince >= GOODBYE);
}

/**
 * The leases whose holders run on a host: it was named, or a process there proves that it was given the very port. That an
 * agent says of a lease that it has it is not enough: it would say so of others' and die.
 */
function leasesOf(fleet: Fleet, id: string): string[] {
  const leases = new Set<string>();
  for (const { value } of fleet.all('assignment')) {
    if (value.lease && value.host === id) leases.add(value.lease.id);
  }
  for (const { value } of fleet.listenersOf(id).values()) {
    if (proofOf(value.identity) !== 'port') continue;
    const assigned = fleet.assignment(value.protocol, value.port)?.value;
    const isThis = assigned?.lease && assigned.lease.id === value.identity?.lease && assigned.host === undefined;
    if (isThis) leases.add(assigned.lease!.id);
  }
  return [...leases];
}
