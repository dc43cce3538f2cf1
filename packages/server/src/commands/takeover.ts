import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Assignment,
  type EndAnswer,
  type Endpoint,
  type Fleet,
  formatVersion,
  GRACE_DEFAULT,
  type Held,
  HOST_NETNS,
  type Host,
  type HostListener,
  isEvidenceFor,
  type NumberedRequest,
  nameByProof,
  type Obstacle,
  PortolanError,
  proofOf,
  type Reservation,
  rewritten,
  sameService,
  serviceId,
  type Version,
} from '@portolan/model';
import { nanoid } from 'nanoid';
import type { Executor } from '../executor.ts';
import type { Endings } from './endings.ts';
import { alternative, put } from './entries.ts';
import type { Leases } from './leases.ts';
import type { Prober } from './probe.ts';
import {
  attended,
  type Circumstances,
  elsewhere,
  endpointsOf,
  onHost,
  type Reserver,
  reservationOf,
} from './reserve.ts';

/** How long a socket that is bound may take to be reported, ms: a scan, the report, and room for a busy host. */
const SEEN_WITHIN = 3_000;
const LOOK_EVERY = 50;

/** A promise that is given before its port is free, and how to take it back. */
interface Claim {
  readonly reservation: Reservation;
  undo(): Promise<unknown>;
}

/**
 * Reserves ports that an earlier process of the same endpoint and instance still has. The promise comes first: from then
 * on the port is the caller's and nobody else's, and whoever held it before is fenced. Then the agent of the host ends
 * the earlier process and sees that the port can be bound. When that fails the promise is taken back.
 */
export class Takeovers {
  readonly #executor: Executor;
  readonly #reserver: Reserver;
  readonly #leases: Leases;
  readonly #prober: Prober;
  readonly #endings: Endings;

  constructor(executor: Executor, reserver: Reserver, leases: Leases, prober: Prober, endings: Endings) {
    this.#executor = executor;
    this.#reserver = reserver;
    this.#leases = leases;
    this.#prober = prober;
    this.#endings = endings;
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  /**
   * @param proven end only what proves its project, not what is called as the service is: for callers that may name any
   * service of theirs, but must not end others' processes
   * @param probeOn as for `Reserver.reserve`
   * @throws PortolanError as `Reserver.reserve`; where the port can be no other, why its process was not ended
   */
  async reserve(
    request: NumberedRequest,
    { proven = false, probeOn }: { proven?: boolean; probeOn?: string | undefined } = {},
  ): Promise<Reservation> {
    await this.#executor.catchUp();
    const barred = new Map<number, Obstacle>();
    for (;;) {
      const held = endpointsOf(request).map((endpoint) => this.#fleet.assignmentOf(endpoint, request.protocol));
      const keeps = held.every((each) => each !== undefined);
      const wanted = keeps ? held.map((each) => each!.value.port) : wantedPorts(request);
      const occupants = await this.#occupants(request, wanted, keeps);
      const earlier = this.#earlier(request, wanted, occupants, { keeps, proven });
      for (const occupant of occupants) {
        if (!earlier.includes(occupant) && isOfService(occupant, request)) bar(barred, occupant, this.#told(occupant));
      }
      if (keeps) refuseStrangers(request, occupants, earlier, (each) => this.#told(each));
      const claim = keeps ? await this.#succeed(request) : await this.#claim(request, { barred, probeOn }, earlier);
      const victims = earlier.filter(({ port }) => Object.values(claim.reservation.ports).includes(port));
      if (victims.length === 0) return claim.reservation;
      const told = this.#told(victims[0]!);
      try {
        const answer = await this.#end(victims, request);
        return tookOver(claim.reservation, victims, answer, told);
      } catch (error) {
        await claim.undo();
        if (!(error instanceof PortolanError) || keeps || request.preferred === undefined) throw error;
        for (const victim of victims) bar(barred, victim, `${this.#told(victim)} and was not ended: ${error.message}`);
      }
    }
  }

  /** Who is on the ports where the service is to run; of a socket that is bound and not told of yet the report is awaited. */
  async #occupants(request: NumberedRequest, wanted: readonly number[], keeps: boolean): Promise<HostListener[]> {
    const host = request.host === undefined ? undefined : this.#fleet.findHost(request.host);
    const seen = () =>
      wanted
        .flatMap((port) => Array.from(this.#fleet.listeners(request.protocol, port), ({ value }) => value))
        .filter((each) => each.netns === HOST_NETNS && (request.host === undefined || each.host === host?.id));
    if (wanted.length === 0 || seen().length > 0 || host?.state !== 'alive') return seen();
    const tested = await this.#prober.probe(host, request.protocol, wanted);
    if (!tested?.refused.length) return [];
    const until = performance.now() + SEEN_WITHIN;
    while (seen().length === 0 && performance.now() < until) await sleep(LOOK_EVERY);
    const [first] = tested.refused;
    if (keeps && first && seen().length === 0) {
      throw new PortolanError('port-taken', `${serviceId(request)} has this port already, but ${first.detail}`, {
        port: first.port,
      });
    }
    return seen();
  }

  /** The listeners of the very endpoints and instance that are asked for. */
  #earlier(
    request: NumberedRequest,
    wanted: readonly number[],
    occupants: readonly HostListener[],
    { keeps, proven }: { keeps: boolean; proven: boolean },
  ): HostListener[] {
    const endpoints = endpointsOf(request);
    const earlier = occupants.filter((listener) => {
      // Only the agent can tell whose it is; on a port that the endpoint holds, it is asked.
      if (listener.identity === null) return keeps && listener.process === null;
      const owner = this.#fleet.assignment(listener.protocol, listener.port)?.value.endpoint;
      return isEarlier(listener.identity, endpoints[wanted.indexOf(listener.port)]!, owner, proven);
    });
    const hosts = new Set(earlier.map(({ host }) => host));
    if (hosts.size < 2) return earlier;
    const names = Array.from(hosts, (id) => this.#fleet.host(id)?.name ?? id);
    throw new PortolanError(
      'invalid-request',
      `${serviceId(request)} runs on ${names.join(', ')}: name the host whose process is to be taken over`,
      { hosts: names },
    );
  }

  async #claim(
    request: NumberedRequest,
    circumstances: Circumstances,
    earlier: readonly HostListener[],
  ): Promise<Claim> {
    const occupied = new Set(earlier.map(({ port }) => port));
    const reservation = await this.#reserver.reserve(request, { ...circumstances, occupied });
    const { lease, token, assignments, created } = reservation;
    const grants = lease
      ? [{ lease: lease.id, token }]
      : assignments.map(({ protocol, port }) => ({ protocol, port, token }));
    const undo = async () => {
      if (created) for (const grant of grants) await this.#leases.release(grant).catch(unlessUnavailable);
    };
    return { reservation, undo };
  }

  /** The endpoint has the port already: it passes to the caller by a grant of its own, which fences the earlier holder. */
  async #succeed(request: NumberedRequest): Promise<Claim> {
    let before: Held<'assignment'>[] = [];
    const reservation = await this.#executor.execute<Reservation>(() => {
      before = endpointsOf(request).flatMap((endpoint) => this.#fleet.assignmentOf(endpoint, request.protocol) ?? []);
      const port = request.port;
      const other = port === undefined ? undefined : before.find(({ value }, i) => value.port !== port + i);
      if (other) throw elsewhere(other, port!);
      if (before.length < endpointsOf(request).length) {
        throw new PortolanError(
          'contention',
          `${serviceId(request)} was released by somebody else meanwhile; try again`,
        );
      }
      const lease = request.ttl === undefined ? null : { id: nanoid(), ttl: request.ttl };
      const after = before.map(({ value }) => successor(value, onHost(this.#fleet, request), lease));
      const only = alternative({
        conditions: before.map(({ key, version }) => ({ key, version })),
        puts: after.map((value, i) => put<'assignment'>(before[i]!.key, value)),
        leases: [
          ...this.#fleet.emptied(before).map((id) => ({ id, ttl: null })),
          ...(lease && after.some((each) => each.lease?.id === lease.id)
            ? [{ id: lease.id, ttl: lease.ttl * 1000 }]
            : []),
        ],
      });
      return {
        alternatives: [only],
        answer: (committed) => {
          const token = formatVersion(committed.epoch, committed.revision);
          return reservationOf(
            this.#executor,
            after.map((value) => ({ value, token })),
            committed,
            { created: false, obstacle: null, attempts: 1, probed: false },
          );
        },
      };
    });
    return { reservation, undo: () => this.#restore(before, reservation.token).catch(unlessUnavailable) };
  }

  /** Gives the ports back on the terms on which they were held, unless they changed hands again. */
  #restore(before: readonly Held<'assignment'>[], token: Version): Promise<void> {
    return this.#executor.execute<void>(() => {
      const now = before.map(({ key: entryKey }) => this.#fleet.get('assignment', entryKey));
      if (now.some((each) => each?.version !== token)) return { result: undefined };
      const leases = new Map(before.flatMap(({ value: { lease } }) => (lease ? [[lease.id, lease.ttl * 1000]] : [])));
      const ended = this.#fleet.emptied(now as Held<'assignment'>[]).filter((id) => !leases.has(id));
      const only = alternative({
        conditions: before.map(({ key: entryKey }) => ({ key: entryKey, version: token })),
        puts: before.map((each) => put<'assignment'>(each.key, rewritten(each, {}))),
        leases: [...ended.map((id) => ({ id, ttl: null })), ...Array.from(leases, ([id, ttl]) => ({ id, ttl }))],
      });
      return { alternatives: [only], answer: () => undefined };
    });
  }

  async #end(victims: readonly HostListener[], { grace = GRACE_DEFAULT }: NumberedRequest): Promise<EndAnswer> {
    const host = this.#fleet.host(victims[0]!.host) as Host;
    const answer = await this.#endings.carryOut(host, victims, { grace, force: false, orphan: false, dryRun: false });
    if (!answer.refusal) return answer;
    const { port, identity, process } = victims[0]!;
    throw new PortolanError(
      answer.refusal.code,
      `${this.#told(victims[0]!)} and was not ended: ${answer.refusal.detail}`,
      {
        port,
        host: host.id,
        owner: identity?.service ?? null,
        pid: process?.pid ?? null,
        user: process?.user ?? null,
      },
    );
  }

  #told({ host, protocol, port, process, identity }: HostListener): string {
    const who = identity ? nameByProof(identity) : (process?.command ?? 'a process that cannot be identified');
    const pid = process ? ` (pid ${process.pid}${process.user ? `, user ${process.user}` : ''})` : '';
    return `${who}${pid} listens on ${protocol} port ${port} on ${this.#fleet.host(host)?.name ?? host}`;
  }
}

function wantedPorts(request: NumberedRequest): number[] {
  const first = request.port ?? request.preferred;
  return first === undefined ? [] : endpointsOf(request).map((_, i) => first + i);
}

function isOfService({ identity }: HostListener, of: { project: string; service: string } | undefined): boolean {
  return of !== undefined && identity !== null && sameService(identity.service, serviceId(of));
}

/**
 * Whether a process is an earlier one of this very endpoint, by what its evidence proves. What that leaves open, the label
 * and the instance, the assignment of the port tells where it is its service's; a process of which nothing is known is
 * instance 1.
 *
 * @param owner whose the port is
 * @param proven that the port is the endpoint's has to be proven: by the process itself, or, where it proves its service
 * alone, by the assignment
 */
function isEarlier(
  identity: NonNullable<HostListener['identity']>,
  wanted: Endpoint,
  owner: Endpoint | undefined,
  proven: boolean,
): boolean {
  const proof = proofOf(identity);
  if (proof === 'nothing' || !isEvidenceFor(identity, serviceId(wanted))) return false;
  const told = owner && isEvidenceFor(identity, serviceId(owner)) ? owner : undefined;
  if (proven && proof !== 'port' && (proof !== 'service' || told === undefined)) return false;
  const label = identity.label ?? told?.label ?? wanted.label;
  const instance = identity.instance ?? told?.instance ?? 1;
  return label === wanted.label && instance === wanted.instance;
}

/** On a port that the endpoint keeps, whoever else is there is in the way, and no other port can be given. */
function refuseStrangers(
  request: NumberedRequest,
  occupants: readonly HostListener[],
  earlier: readonly HostListener[],
  told: (listener: HostListener) => string,
): void {
  const stranger = occupants.find((each) => !earlier.includes(each));
  if (!stranger) return;
  const { port, identity, process } = stranger;
  throw new PortolanError(
    'port-taken',
    `${serviceId(request)} has ${request.protocol} port ${port}, but ${told(stranger)}: end that one, or release the port and reserve another`,
    { port, owner: identity?.service ?? null, pid: process?.pid ?? null, user: process?.user ?? null },
  );
}

function bar(barred: Map<number, Obstacle>, { port, identity }: HostListener, detail: string): void {
  barred.set(port, { port, reason: 'observed', detail, by: identity?.service ?? null });
}

function successor(value: Assignment, request: NumberedRequest, lease: Assignment['lease']): Assignment {
  const { ttl, purpose, host, holder } = request;
  return {
    // A permanent assignment stays one, whoever listens.
    ...attended({ ...value, lease: ttl === undefined || value.lease === null ? null : lease }, request),
    ...(purpose !== undefined && { purpose }),
    ...(host !== undefined && { host }),
    ...(holder !== undefined && { holder }),
    grantedAt: new Date().toISOString(),
  };
}

function tookOver(
  reservation: Reservation,
  [first]: readonly HostListener[],
  { endings }: EndAnswer,
  detail: string,
): Reservation {
  const { port, identity } = first!;
  const ended = endings.find(({ outcome }) => outcome === 'ended');
  return {
    ...reservation,
    // What was seen when the promise was given has ended since.
    assignments: reservation.assignments.map((each) => ({ ...each, state: 'pending' })),
    wasInUse: true,
    obstacle: { port, reason: 'observed', detail, by: identity?.service ?? null },
    probed: true,
    killedProcess: ended !== undefined,
    ...(ended && { previousPid: ended.pid }),
  };
}

/** A promise that cannot be taken back now ends with its lease; why its port is not free is the greater news. */
function unlessUnavailable(error: unknown): void {
  if (!(error instanceof PortolanError)) throw error;
}
