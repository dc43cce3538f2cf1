import {
  type Assignment,
  type Endpoint,
  type Fleet,
  formatEndpoint,
  type Held,
  isFenced,
  key,
  PortolanError,
  type Position,
  type Protocol,
  type ReassertRequest,
  type ReleaseRequest,
  type RenewRequest,
  type RenewResponse,
  type Reservation,
  ReserveRequest,
  rewritten,
  serviceId,
} from '@portolan/model';
import type { Executor, Plan, Settled } from '../executor.ts';
import type { Condition, Put } from '../store/store.ts';
import { alternative, put } from './entries.ts';
import {
  furtherLosses,
  furtherLossesId,
  LOSSES_MAX,
  lostFinding,
  lostFindingId,
  mayBeLost,
  openLosses,
  resolvedLoss,
} from './lost-finding.ts';
import { endpointOf, fenced, type Reserver } from './reserve.ts';

type RenewOutcome = RenewResponse['renewed'][number] | RenewResponse['lost'][number];

/** Leases that are renewed by one plan. */
const RENEWED_AT_ONCE = 200;

/** What the holder of an assignment may do with it: renew, release, take it back after an outage. */
export class Leases {
  readonly #executor: Executor;
  readonly #reserver: Reserver;

  constructor(executor: Executor, reserver: Reserver) {
    this.#executor = executor;
    this.#reserver = reserver;
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  async renew({ leases }: RenewRequest): Promise<RenewResponse> {
    const parts: RenewRequest['leases'][] = [];
    for (let from = 0; from < leases.length; from += RENEWED_AT_ONCE)
      parts.push(leases.slice(from, from + RENEWED_AT_ONCE));
    const outcomes = await allOf(parts.map((part) => this.#renewTogether(part)));
    return {
      renewed: outcomes.flatMap((outcome) => ('ttl' in outcome ? [outcome] : [])),
      lost: outcomes.flatMap((outcome) => ('code' in outcome ? [outcome] : [])),
    };
  }

  /** @throws PortolanError `forbidden` when the token may not renew all; those that it may are renewed all the same */
  async #renewTogether(leases: RenewRequest['leases']): Promise<RenewOutcome[]> {
    try {
      return await this.#executor.execute(() => this.#renewal(leases));
    } catch (error) {
      if (!(error instanceof PortolanError) || error.code !== 'forbidden' || leases.length === 1) throw error;
      return allOf(leases.map((lease) => this.#renewTogether([lease])));
    }
  }

  #renewal(leases: RenewRequest['leases']): Plan<RenewOutcome[]> | Settled<RenewOutcome[]> {
    // By their keys: a request may name a lease twice, and then the last one counts.
    const conditions = new Map<string, Condition>();
    const puts = new Map<string, Put>();
    const renewed = new Map<string, number>();
    const outcomes = leases.map(({ id, token, handOver }): RenewOutcome => {
      const held = this.#fleet.leased(id);
      const [first] = held;
      if (!first) return { id, code: 'not-found', detail: 'there is no such lease: it ended or was released' };
      if (held.some((each) => isFenced(each, token)))
        return { id, code: 'fenced', detail: `the token ${token} is older than the grant of this lease` };
      const ttl = first.value.lease!.ttl;
      // Whoever renews looks after it, save that it says otherwise.
      const unattended = handOver ? 'handed-over' : undefined;
      for (const each of held) {
        conditions.set(each.key, { key: each.key, version: each.version });
        if (each.value.unattended === unattended) puts.delete(each.key);
        else puts.set(each.key, put<'assignment'>(each.key, rewritten(each, { unattended })));
      }
      renewed.set(id, ttl);
      return { id, ttl };
    });
    if (renewed.size === 0) return { result: outcomes };
    const only = alternative({
      conditions: [...conditions.values(), ...[...renewed.keys()].map((lease) => ({ lease }))],
      puts: [...puts.values()],
      leases: [...renewed].map(([id, ttl]) => ({ id, ttl: ttl * 1000 })),
    });
    return { alternatives: [only], answer: () => outcomes };
  }

  /** @throws PortolanError `not-found`, `fenced` */
  async release(request: ReleaseRequest): Promise<{ released: Assignment[]; position: Position }> {
    return this.#executor.execute(() => {
      const held = this.#matching(request);
      if (held.length === 0) return this.#giveUp(request);
      if (request.token !== undefined) {
        const { token } = request;
        const newer = held.find((each) => isFenced(each, token));
        if (newer) throw fenced(newer, token, 'release it');
      }
      const only = alternative({
        conditions: held.map(({ key, version }) => ({ key, version })),
        deletes: held.flatMap(({ key: entryKey, value }) => [entryKey, key.endpoint(value.endpoint, value.protocol)]),
        leases: this.#fleet.emptied(held).map((id) => ({ id, ttl: null })),
      });
      return {
        alternatives: [only],
        answer: ({ position }) => ({ released: held.map(({ value }) => value), position }),
      };
    });
  }

  /** Nothing is held: but a promise that was lost may be given up, and then it is missed no more. @throws PortolanError `not-found` */
  #giveUp(request: ReleaseRequest): Plan<{ released: Assignment[]; position: Position }> {
    const { project, service, label, instance, protocol } = request;
    const meant = (each: Endpoint, on: Protocol) =>
      each.project === project &&
      each.service === service &&
      (label === undefined || each.label === label) &&
      (instance === undefined || each.instance === instance) &&
      (protocol === undefined || on === protocol);
    const lost = request.token === undefined ? openLosses(this.#fleet, meant) : [];
    if (lost.length === 0) throw nothingToRelease(request);
    const only = alternative({
      conditions: lost.map(({ key, version }) => ({ key, version })),
      puts: lost.map(resolvedLoss),
    });
    return { alternatives: [only], answer: ({ position }) => ({ released: [], position }) };
  }

  /**
   * Takes back the ports that a holder has under an old token, after an outage or a lost history.
   *
   * @throws PortolanError `assignment-lost` when another one has a port by now; then there is a finding, too, if
   * it may have had it. `fenced` when its own endpoint was granted the port anew, so that somebody holds it under a newer token
   * @param isGrant whether the token is that of a grant, and fences
   * @param onlyNew whether an endpoint that has ports is left as it stands
   */
  async reassert(request: ReassertRequest, { isGrant = true, onlyNew = false } = {}): Promise<Reservation> {
    const wanted = Object.entries(request.ports).sort((a, b) => a[1] - b[1]);
    if (wanted.some(([, port], i) => port !== wanted[0]![1] + i)) {
      throw new PortolanError(
        'invalid-request',
        'the ports of one grant are contiguous; re-assert each grant by itself',
      );
    }
    const reserve = ReserveRequest.parse({
      project: request.project,
      service: request.service,
      instance: request.instance,
      protocol: request.protocol,
      labels: wanted.map(([label]) => label),
      port: wanted[0]![1],
      ttl: request.ttl,
      purpose: request.purpose,
      host: request.host,
      holder: request.holder,
      process: request.process,
      requestId: request.requestId,
    });
    try {
      // The holder itself has the port bound, so nobody is asked to test that.
      return await this.#reserver.reserve(reserve, {
        probe: false,
        onlyNew,
        ...(isGrant && { takesBack: request.token }),
      });
    } catch (error) {
      if (error instanceof PortolanError && ['port-taken', 'port-blocked', 'endpoint-elsewhere'].includes(error.code)) {
        throw await this.#lost(request, wanted, error);
      }
      throw error;
    }
  }

  /**
   * What was promised and cannot be kept is never lost silently: it becomes a finding. A token may be made up, though: so one
   * that the history refutes makes none, and a project has only so many, and one that tells of all further ones.
   */
  async #lost(request: ReassertRequest, wanted: [string, number][], cause: PortolanError): Promise<PortolanError> {
    const port = typeof cause.data.port === 'number' ? cause.data.port : wanted[0]![1];
    const label = wanted.find(([, each]) => each === port)?.[0] ?? wanted[0]![0];
    const { protocol, token } = request;
    const endpoint = endpointOf(request, label);
    const loss = { endpoint, protocol, port, token, why: cause.message };
    const owner = this.#fleet.assignment(protocol, port)?.value;
    const finding = await this.#executor.execute<string | null>(() => {
      if (!mayBeLost(this.#fleet, loss)) return { result: null };
      const now = new Date().toISOString();
      const id = lostFindingId(endpoint, protocol);
      const open = openLosses(this.#fleet, ({ project }) => project === endpoint.project);
      if (open.length >= LOSSES_MAX && !open.some(({ value }) => value.id === id)) {
        const further = furtherLossesId(endpoint.project);
        if (this.#fleet.standing(further)) return { result: further };
        return this.#told(furtherLosses(this.#fleet, endpoint.project, now), further);
      }
      return this.#told(lostFinding(this.#fleet, loss, now), id);
    });
    return new PortolanError(
      'assignment-lost',
      `${formatEndpoint(endpoint)} cannot get ${protocol} port ${port} back: ${cause.message}`,
      { port, owner: owner ? formatEndpoint(owner.endpoint) : null, finding },
      { cause },
    );
  }

  #told({ put, condition }: { put: Put; condition: Condition }, id: string): Plan<string> {
    return { alternatives: [alternative({ conditions: [condition], puts: [put] })], answer: () => id };
  }

  #matching(request: ReleaseRequest): Held<'assignment'>[] {
    return Array.from(this.#candidates(request)).filter(({ value: { endpoint, protocol, port, lease } }) => {
      if (request.lease !== undefined && lease?.id !== request.lease) return false;
      if (request.port !== undefined && port !== request.port) return false;
      if (request.protocol !== undefined && protocol !== request.protocol) return false;
      if (request.project !== undefined && endpoint.project !== request.project) return false;
      if (request.service !== undefined && endpoint.service !== request.service) return false;
      if (request.label !== undefined && endpoint.label !== request.label) return false;
      return request.instance === undefined || endpoint.instance === request.instance;
    });
  }

  #candidates(request: ReleaseRequest): Iterable<Held<'assignment'>> {
    if (request.lease !== undefined) return this.#fleet.leased(request.lease);
    if (request.port !== undefined) {
      const { port } = request;
      return (['tcp', 'udp'] as const).flatMap((protocol) => this.#fleet.assignment(protocol, port) ?? []);
    }
    return this.#fleet.assignmentsOf(serviceId({ project: request.project!, service: request.service! }));
  }
}

/** Waits for all, whatever becomes of some. @throws the first error */
async function allOf<T>(parts: readonly Promise<T[]>[]): Promise<T[]> {
  await Promise.allSettled(parts);
  return (await Promise.all(parts)).flat();
}

function nothingToRelease(request: ReleaseRequest): PortolanError {
  const what =
    request.lease !== undefined
      ? `no lease ${request.lease} stands`
      : request.port !== undefined
        ? `port ${request.port} is not assigned${request.project ? ` to ${request.project}` : ''}`
        : `${request.project}/${request.service} has no such assignment`;
  return new PortolanError('not-found', `${what}; nothing was released`);
}
