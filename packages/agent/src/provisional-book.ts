import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  type Assignment,
  choosePorts,
  type Endpoint,
  fieldOf,
  formatEndpoint,
  HIGHEST_PORT,
  instanceFor,
  labelsOf,
  type Obstacle,
  obstacleTo,
  PortolanError,
  PROVISIONAL_MAX,
  ProvisionalRequest,
  type ProvisionalResponse,
  type Reservation,
  type ReserveRequest,
  viewOfAssignment,
} from '@portolan/model';
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import type { FleetCopy } from './fleet-copy.ts';
import { forget, keep, readKept } from './kept-file.ts';
import { probe } from './prober.ts';

export interface ProvisionalBookOptions {
  /** Id and name of this agent's host: it gives leases for services that run here. */
  readonly host: string;
  readonly hostName: string;
  readonly copy: FleetCopy;
  readonly stateDirectory: string;
  /** Tells others of the leases given. */
  readonly tell: (assignments: readonly Assignment[]) => void;
  /** Whether a coordinator answers, which gives real ones. */
  readonly isAttended: () => Promise<boolean>;
  /** Has a coordinator make them real. @throws PortolanError `unreachable` and its kin */
  readonly settle: (request: ProvisionalRequest) => Promise<ProvisionalResponse>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** No grant of a store has this one. */
const TOKEN = '0.0';
/** Leases that one agent gives; one request settles them all. */
const LEASES_MAX = PROVISIONAL_MAX;
/** How many ports may be refused by this machine before the caller is told that it refuses everything. */
const PROBES_MAX = 500;
const SETTLE_EVERY = 3_000;
const FILE = 'provisional.json';

/**
 * Leases that this agent gives while no coordinator can be reached: ports that are free by all it knows, and can be
 * bound here. Nobody can be sure of them: an agent beyond a partition may give the same. As soon as a coordinator is
 * back each becomes a real one of the same port, or a finding that names both.
 */
export class ProvisionalBook {
  readonly #options: ProvisionalBookOptions;
  readonly #file: string;
  #leases: readonly Assignment[];
  /** What asked for each, which has to show it again when it is made real. */
  readonly #tokens = new Map<Assignment, string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ProvisionalBookOptions) {
    this.#options = options;
    this.#file = join(options.stateDirectory, FILE);
    const { assignments = [], tokens = [] } = ProvisionalRequest.safeParse(readKept(this.#file)).data ?? {};
    this.#leases = assignments.filter(({ provisional }) => provisional === options.host);
    for (const [i, lease] of assignments.entries()) this.#tokens.set(lease, tokens[i]!);
    if (this.#leases.length > 0) options.tell(this.#leases);
  }

  get leases(): readonly Assignment[] {
    return this.#leases;
  }

  /** One after the other, so that two that ask at once are not given one port. @throws PortolanError as a reservation */
  give(request: ReserveRequest, token: string): Promise<Reservation> {
    const given = this.#last.then(() => this.#give(request, token));
    this.#last = given.catch(() => {});
    return given;
  }

  /** Makes them real as soon as that is possible, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await clock.wait(SETTLE_EVERY, signal);
      if (this.#leases.length === 0 || signal.aborted) continue;
      const asked = this.#leases;
      try {
        const { granted, lost } = await this.#options.settle(this.#requestOf(asked));
        this.#write(this.#leases.filter((lease) => !asked.includes(lease)));
        for (const { endpoint, port } of granted) {
          logger.info({ port, endpoint: formatEndpoint(endpoint) }, 'a provisional lease is a real one now');
        }
        for (const { assignment, detail, finding } of lost) {
          logger.warn({ port: assignment.port, detail, finding }, 'a provisional lease could not be kept');
        }
      } catch (error) {
        if (!(error instanceof PortolanError)) throw error;
        // The coordinator will not take these, now or later.
        if (error.code === 'forbidden' || error.code === 'invalid-request') {
          logger.warn({ err: error }, 'provisional leases were refused, and are given up');
          this.#write(this.#leases.filter((lease) => !asked.includes(lease)));
        }
      }
    }
  }

  async #give(request: ReserveRequest, token: string): Promise<Reservation> {
    const { host, hostName, copy } = this.#options;
    if (request.onTaken === 'takeover') {
      throw new PortolanError('invalid-request', 'a provisional lease takes nothing over: leave out --on-taken');
    }
    // Whether coordinators are alive is not left to gossip, in which any member may say so of another.
    if (await this.#options.isAttended()) {
      throw new PortolanError(
        'contention',
        'a coordinator answers this agent, so it gives no lease by itself: ask that one, at the URL that the agent has',
      );
    }
    if (request.host !== undefined && request.host !== host && request.host !== hostName) {
      throw new PortolanError('no-agent', `this agent gives leases for its own host ${hostName}, not ${request.host}`);
    }
    const { project, service, protocol } = request;
    const instance = instanceFor(copy.fleet, request);
    const endpoints = labelsOf(request).map((label): Endpoint => ({ project, service, label, instance }));
    const held = endpoints.map((endpoint) => copy.fleet.assignmentOf(endpoint, protocol)?.value);
    if (held.every((each) => each !== undefined))
      return this.#told(held, { created: false, attempts: 0, obstacle: null });
    const taken = held.find((each) => each !== undefined);
    if (taken) {
      throw new PortolanError(
        'endpoint-elsewhere',
        `${formatEndpoint(taken.endpoint)} has port ${taken.port} already`,
        {
          port: taken.port,
        },
      );
    }
    if (this.#leases.length + endpoints.length > LEASES_MAX) {
      throw new PortolanError('too-many', `this agent gave ${this.#leases.length} provisional leases already`);
    }
    const { first, attempts, obstacle } = await this.#choose(request, endpoints);
    const lease = request.ttl === undefined ? null : { id: `provisional-${randomUUID()}`, ttl: request.ttl };
    const grantedAt = new Date(this.#options.clock.now()).toISOString();
    const given = endpoints.map(
      (endpoint, i): Assignment => ({
        protocol,
        port: first + i,
        endpoint,
        lease,
        ...(request.purpose !== undefined && { purpose: request.purpose }),
        host,
        ...(request.holder !== undefined && { holder: request.holder }),
        ...(lease && request.process && { process: request.process }),
        ...(lease && request.requestId !== undefined && { requestId: request.requestId }),
        grantedAt,
        provisional: host,
      }),
    );
    for (const each of given) this.#tokens.set(each, token);
    this.#write([...this.#leases, ...given]);
    return this.#told(given, { created: true, attempts, obstacle });
  }

  /** A port that is free by all that is known, and that this machine can bind. */
  async #choose(
    request: ReserveRequest,
    endpoints: readonly Endpoint[],
  ): Promise<{ first: number; attempts: number; obstacle: Obstacle | null }> {
    const { copy, hostName, random } = this.#options;
    const { fleet } = copy;
    const wish = asWished(request);
    const unbindable = new Map<number, Obstacle>();
    const asker = { ...request, labels: endpoints.map(({ label }) => label) };
    for (;;) {
      const field = fieldOf(fleet, wish);
      for (const port of unbindable.keys()) fleet.use.add(port);
      const choice = choosePorts(
        {
          count: endpoints.length,
          ...(wish.port !== undefined && { exact: wish.port }),
          ...(wish.preferred !== undefined && { preferred: wish.preferred }),
          maxAttempts: wish.preferred === undefined ? HIGHEST_PORT : wish.maxAttempts,
          intervals: field.intervals,
          avoid: field.avoid,
          order: wish.order ?? field.order,
          start: random(),
        },
        {
          taken: fleet.use.taken,
          obstacle: (port) => unbindable.get(port) ?? obstacleTo(fleet, asker, port, wish.protocol),
        },
      );
      for (const port of unbindable.keys()) fleet.use.remove(port);
      if (!choice.ok) {
        const { reason, obstacle, suggestions } = choice;
        const message = obstacle?.detail ?? `no port of ${field.name} is free, by all that this agent knows`;
        throw new PortolanError(reason, message, { port: obstacle?.port, owner: obstacle?.by, obstacle, suggestions });
      }
      const first = choice.candidates[0]!;
      const ports = endpoints.map((_, i) => first + i);
      const refused = await probe(wish.protocol, ports);
      if (refused.length === 0) return { first, attempts: choice.attempts, obstacle: choice.obstacle };
      for (const { port, reason } of refused) {
        const why = reason === 'EADDRINUSE' ? 'another socket there has it' : `the system says ${reason}`;
        const detail = `port ${port} cannot be bound on ${hostName}: ${why}`;
        unbindable.set(port, { port, reason: 'unbindable', detail, by: null });
      }
      if (wish.port === undefined && unbindable.size >= PROBES_MAX * endpoints.length) {
        const message = `none of the ${unbindable.size} ports that were tested can be bound on ${hostName}`;
        throw new PortolanError('range-exhausted', `${message}; name another range`, { refused: unbindable.size });
      }
    }
  }

  #told(assignments: readonly Assignment[], how: Pick<Reservation, 'created' | 'attempts' | 'obstacle'>): Reservation {
    const { fleet } = this.#options.copy;
    const [first] = assignments;
    return {
      port: first!.port,
      ports: Object.fromEntries(assignments.map(({ endpoint, port }) => [endpoint.label, port])),
      assignments: assignments.map((each) => viewOfAssignment(fleet, each, TOKEN)),
      token: TOKEN,
      lease: first!.lease,
      wasInUse: how.obstacle !== null,
      probed: how.created,
      // It outlives this agent's restart, and nothing else.
      acknowledged: 'memory',
      position: fleet.position,
      ...how,
    };
  }

  #write(leases: readonly Assignment[]): void {
    this.#leases = leases;
    for (const lease of this.#tokens.keys()) if (!leases.includes(lease)) this.#tokens.delete(lease);
    if (leases.length === 0) forget(this.#file);
    else keep(this.#file, this.#requestOf(leases));
    this.#options.tell(leases);
  }

  #requestOf(leases: readonly Assignment[]): ProvisionalRequest {
    return { assignments: [...leases], tokens: leases.map((lease) => this.#tokens.get(lease)!) };
  }
}

/** `onTaken` in the terms of `port` (this or nothing) and `preferred` (this or the next). */
function asWished(request: ReserveRequest): ReserveRequest {
  const { onTaken, port, preferred, ...rest } = request;
  if (onTaken === 'next' && port !== undefined) return { ...rest, preferred: port };
  if (onTaken === 'fail' && preferred !== undefined) return { ...rest, port: preferred };
  return request;
}
