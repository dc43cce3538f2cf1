import {
  type Asker,
  type Assignment,
  type Availability,
  areOfTwoCopies,
  choosePorts,
  type Endpoint,
  type Field,
  type Fleet,
  fieldOf,
  formatEndpoint,
  formatPortList,
  formatVersion,
  type Held,
  HIGHEST_PORT,
  type Host,
  instanceFor,
  isFenced,
  kernelNotes,
  key,
  labelsOf,
  type NumberedRequest,
  type Obstacle,
  obstacleTo,
  openOn,
  type PortNote,
  PortolanError,
  protocols,
  type Reservation,
  type ReserveRequest,
  rewritten,
  sameValue,
  serviceId,
  type Version,
  viewOfAssignment,
  type Wish,
} from '@portolan/model';
import { nanoid } from 'nanoid';
import type { Committed } from '../committer.ts';
import type { Executor, Plan } from '../executor.ts';
import type { Alternative, Condition, Put } from '../store/store.ts';
import { ClaimedInstances } from './claimed-instances.ts';
import { alternative, put } from './entries.ts';
import { settledLoss } from './lost-finding.ts';
import { type Prober, privilegedNote, privilegedOn, type Tested, untestedNote } from './probe.ts';
import { Quotas } from './quota.ts';

/** Candidates offered when deciding again after a conflict; the first time one does, and costs the store less. */
const CANDIDATES_AFTER_CONFLICT = 4;
/** How many choices are tested at once, after an agent has refused the first. */
const TESTED_AHEAD = 64;
/** How often an agent is asked for one request before the caller is told that it refuses everything. */
const TESTS_MAX = 8;

/** Ports that were chosen for a request and are not promised yet. */
interface Claim {
  /** The first port of each candidate. */
  readonly starts: readonly number[];
  /** All ports of all candidates. */
  readonly ports: readonly number[];
  readonly attempts: number;
  readonly obstacle: Obstacle | null;
  /** Lets go of them. */
  settle(): void;
}

/** What the caller knows of ports beyond the fleet's state. */
export interface Circumstances {
  /** Whether the agent of the host named is to test-bind the ports; true unless told otherwise. */
  readonly probe?: boolean;
  /** Id or name of the host whose agent is to do so where the request names none: the assignment is not tied to it. */
  readonly probeOn?: string | undefined;
  /** Ports that are not to be given. */
  readonly barred?: ReadonlyMap<number, Obstacle>;
  /** Ports that cannot be bound yet, and are given all the same. */
  readonly occupied?: Pick<ReadonlySet<number>, 'has'>;
  /** Only what nobody has is given: an endpoint that has ports is left as it stands. */
  readonly onlyNew?: boolean;
  /** The token under which they were held: a holder takes back what it had, from nobody who was granted it since. */
  readonly takesBack?: Version;
}

const NOTHING_REFUSED: Tested = { refused: [], privileged: [] };
const NONE: ReadonlyMap<number, Obstacle> = new Map();

/** Where the ports are to be bound, and what its agent has said of them so far. */
interface Place {
  /** `undefined`: nobody said, or no such host is known. */
  readonly host: Host | undefined;
  readonly occupied: Pick<ReadonlySet<number>, 'has'>;
  /** Ports that are not to be given. */
  readonly unbindable: Map<number, Obstacle>;
  readonly bindable: Set<number>;
  /** Named by the caller, though the agent's user may not bind them. */
  readonly privileged: Set<number>;
}

/** What is asked for, under which token it was held before. */
type Wanted = ReserveRequest & { readonly shown?: Version };

/**
 * Promises ports to endpoints: decides on the replica, promises in the store. Asking again for the same endpoint
 * gives the same ports.
 */
export class Reserver {
  readonly #executor: Executor;
  readonly #prober: Prober;
  /** Where in a range this coordinator begins: two that began at one place would choose the same ports for ever. */
  #start = Math.random();
  readonly #quotas = new Quotas(() => this.#fleet);
  readonly #instances = new ClaimedInstances();
  /** Ports chosen here whose fate the store has not told yet. */
  readonly #claims = new Set<readonly number[]>();

  constructor(executor: Executor, prober: Prober) {
    this.#executor = executor;
    this.#prober = prober;
  }

  /** @throws PortolanError `endpoint-elsewhere`, `port-taken`, `port-blocked`, `range-exhausted`, `quota`, `unknown-range`, … */
  reserve(
    asked: ReserveRequest,
    { probe = true, probeOn, barred = NONE, occupied = NONE, onlyNew = false, takesBack }: Circumstances = {},
  ): Promise<Reservation> {
    const wished: Wanted = { ...asWished(asked), ...(takesBack !== undefined && { shown: takesBack }) };
    const found = { unbindable: new Map(barred), bindable: new Set<number>(), privileged: new Set<number>() };
    return this.#executor.execute<Reservation>((round) => {
      if (round > 0) this.#start = Math.random();
      const request = onHost(this.#fleet, wished);
      const instance = instanceFor(this.#fleet, request, this.#instances.claimed(serviceId(request)));
      const endpoints = endpointsOf({ ...request, instance });
      const named = request.host ?? probeOn;
      const place: Place = { host: named === undefined ? undefined : this.#fleet.findHost(named), occupied, ...found };
      const held = endpoints.map((endpoint) => this.#fleet.assignmentOf(endpoint, request.protocol));
      if (onlyNew) for (const each of held) if (each) throw heldAlready(each);
      if (held.some((each) => each !== undefined)) return this.#again(request, endpoints, held, place);
      const candidates = round > 0 ? CANDIDATES_AFTER_CONFLICT : 1;
      if (probe && place.host?.state === 'alive') return this.#tested(request, endpoints, place, candidates);
      return this.#grant(request, endpoints, this.#claim(request, endpoints, candidates, place), place, probe);
    });
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  /**
   * The endpoints have ports: the same are given again. A request for a lease takes them on the terms on which they
   * are held, so that it takes nothing from whoever holds them; a permanent one sets new terms, unless another working
   * copy holds them.
   */
  #again(
    request: Wanted,
    endpoints: readonly Endpoint[],
    found: readonly (Held<'assignment'> | undefined)[],
    { host }: Place,
  ): Plan<Reservation> {
    const held = found.filter((each) => each !== undefined);
    if (held.length < endpoints.length) throw partlyHeld(endpoints, found);
    const wanted = request.port;
    const { shown } = request;
    const newer = shown === undefined ? undefined : held.find((each) => isFenced(each, shown));
    if (newer) throw fenced(newer, shown!, 'take it back');
    if (wanted !== undefined && held.some(({ value }, i) => value.port !== wanted + i))
      throw elsewhere(held[0]!, wanted);

    const changed = held.map((each) => takenAgain(each, request));
    const unchanged = changed.every((value, i) => sameValue(value, held[i]!.value));
    const leases = new Map(held.flatMap(({ value: { lease } }) => (lease ? [[lease.id, lease.ttl * 1000]] : [])));
    const kept = new Set(changed.map(({ lease }) => lease?.id));
    const only = alternative({
      conditions: held.map(({ key, version }) => ({ key, version })),
      puts: unchanged ? [] : changed.map((value, i) => put<'assignment'>(held[i]!.key, value)),
      leases: Array.from(leases, ([id, ttl]) => ({ id, ttl: kept.has(id) ? ttl : null })),
    });
    return {
      alternatives: [only],
      answer: (committed) => {
        const { epoch, revision } = committed;
        const token = (each: Held) => (unchanged ? each.version : formatVersion(epoch, revision));
        return reservationOf(
          this.#executor,
          changed.map((value, i) => ({ value, token: token(held[i]!) })),
          committed,
          {
            created: false,
            obstacle: null,
            attempts: 0,
            probed: false,
            notes: host ? kernelNotes(host, portsOf(held)) : [],
          },
        );
      },
    };
  }

  /**
   * Asks the agent of the host whether it can bind what is chosen. Mostly it can; when not, many choices are tested at
   * once, and the first that it can bind is given.
   */
  async #tested(
    request: Wanted,
    endpoints: readonly Endpoint[],
    place: Place & { host?: Host },
    candidates: number,
  ): Promise<Plan<Reservation>> {
    const { occupied, unbindable, bindable, privileged } = place;
    const host = place.host!;
    const ahead = Math.max(candidates, Math.floor(TESTED_AHEAD / endpoints.length));
    const settled = (port: number) => occupied.has(port) || bindable.has(port) || privileged.has(port);
    let many = candidates;
    for (let test = 1; ; test++) {
      const claim = this.#claim(request, endpoints, many, place);
      try {
        const unsure = claim.ports.filter((port) => !settled(port));
        const answer = unsure.length > 0 ? await this.#prober.probe(host, request.protocol, unsure) : NOTHING_REFUSED;
        if (!answer) {
          const only = { ...claim, starts: claim.starts.slice(0, candidates) };
          return this.#grant(request, endpoints, only, place, true);
        }
        for (const obstacle of answer.refused) unbindable.set(obstacle.port, obstacle);
        for (const port of answer.privileged) {
          // Whoever names a port may have the right to bind it that the agent lacks.
          if (request.port === undefined) unbindable.set(port, privilegedOn(host, port));
          else privileged.add(port);
        }
        for (const port of unsure) if (!unbindable.has(port) && !privileged.has(port)) bindable.add(port);
        const good = claim.starts.filter((start) => endpoints.every((_, i) => settled(start + i)));
        if (good.length > 0 && good[0] === claim.starts[0]) {
          return this.#grant(request, endpoints, { ...claim, starts: good.slice(0, candidates) }, place, true);
        }
        // It is chosen anew, so that what is said of the first choice is true.
        many = good.length > 0 ? candidates : ahead;
        if (test >= TESTS_MAX && good.length === 0) throw allRefused(host, unbindable);
      } catch (error) {
        claim.settle();
        throw error;
      }
      claim.settle();
    }
  }

  /** Chooses ports, and keeps them from others that ask here until their fate is known. */
  #claim(request: ReserveRequest, endpoints: readonly Endpoint[], candidates: number, place: Place): Claim {
    const { starts, attempts, obstacle } = this.#choose(request, endpoints, place, candidates);
    const { use } = this.#fleet;
    const ports: readonly number[] =
      endpoints.length === 1 ? starts : starts.flatMap((first) => endpoints.map((_, i) => first + i));
    for (const port of ports) use.add(port);
    this.#claims.add(ports);
    const unclaim = this.#quotas.claim(request.project, endpoints.length);
    const unclaimInstance = this.#instances.claim(endpoints[0]!);
    const settle = () => {
      unclaim();
      unclaimInstance();
      this.#claims.delete(ports);
      for (const port of ports) use.remove(port);
    };
    return { starts, ports, attempts, obstacle, settle };
  }

  #choose(
    request: ReserveRequest,
    endpoints: readonly Endpoint[],
    { host, unbindable }: Place,
    candidates: number,
  ): Pick<Claim, 'starts' | 'attempts' | 'obstacle'> {
    const asker: Asker = { ...request, labels: endpoints.map(({ label }) => label) };
    const allowed = this.#quotas.allowed(request, endpoints.length, openOn(host, fieldOf(this.#fleet, request)));
    const { field } = allowed;
    const { taken } = this.#fleet.use;
    for (const port of unbindable.keys()) this.#fleet.use.add(port);
    const wish: Wish = {
      count: endpoints.length,
      ...(request.port !== undefined && { exact: request.port }),
      ...(request.preferred !== undefined && { preferred: request.preferred }),
      maxAttempts: request.preferred === undefined ? HIGHEST_PORT : request.maxAttempts,
      intervals: field.intervals,
      avoid: field.avoid,
      order: request.order ?? field.order,
      start: this.#start,
      wanted: candidates,
    };
    const availability: Availability = {
      taken,
      obstacle: (port) =>
        unbindable.get(port) ?? obstacleTo(this.#fleet, asker, port, request.protocol) ?? allowed.obstacle(port),
    };
    let choice = choosePorts(wish, availability);
    // What others were offered here is not theirs yet: when there is nothing else, the store decides.
    if (!choice.ok && this.#claims.size > 0) choice = this.#withoutClaims(() => choosePorts(wish, availability));
    for (const port of unbindable.keys()) this.#fleet.use.remove(port);
    if (!choice.ok && choice.reason === 'range-exhausted') {
      const barred = [...unbindable.keys(), ...[...this.#claims].flat()];
      const crowded = choosePorts(wish, { ...availability, taken: this.#quotas.crowded(field.intervals, barred) });
      if (crowded.ok) choice = crowded;
    }
    if (choice.ok) return { starts: choice.candidates, attempts: choice.attempts, obstacle: choice.obstacle };
    const overQuota = choice.reason === 'range-exhausted' ? allowed.exhausted() : undefined;
    if (overQuota) throw overQuota;
    const message =
      choice.reason === 'range-exhausted'
        ? exhausted(request, endpoints.length, field)
        : (choice.obstacle?.detail ?? `no port of ${field.name} is free`);
    throw new PortolanError(choice.reason, message, {
      ...(choice.obstacle && { port: choice.obstacle.port, owner: choice.obstacle.by, obstacle: choice.obstacle }),
      attempts: choice.attempts,
      suggestions: choice.suggestions,
    });
  }

  #withoutClaims<T>(choose: () => T): T {
    const { use } = this.#fleet;
    const claimed = [...this.#claims].flat();
    for (const port of claimed) use.remove(port);
    try {
      return choose();
    } finally {
      for (const port of claimed) use.add(port);
    }
  }

  /** @param probe whether the ports were to be tested, so that it is told when they were not */
  #grant(
    request: Wanted,
    endpoints: readonly Endpoint[],
    { starts, attempts, obstacle, settle }: Claim,
    { host, occupied, bindable, privileged }: Place,
    probe: boolean,
  ): Plan<Reservation> {
    const lease = request.ttl === undefined ? null : { id: nanoid(), ttl: request.ttl };
    const grants = starts.map((first) => endpoints.map((endpoint, i) => grant(request, endpoint, first + i, lease)));
    const notesOn = (ports: readonly number[]): PortNote[] => {
      if (!host) return probe && request.host !== undefined ? [unknownHost(request.host, ports)] : [];
      const untold = ports.filter((port) => privileged.has(port));
      const untested = ports.filter((port) => !occupied.has(port) && !bindable.has(port) && !privileged.has(port));
      return [
        ...kernelNotes(host, ports),
        ...(untold.length > 0 ? [privilegedNote(host, untold)] : []),
        ...(probe && untested.length > 0 ? [untestedNote(host, untested)] : []),
      ];
    };
    return {
      alternatives: grants.map((assignments) => this.#promise(assignments)),
      answer: (committed) => {
        const token = formatVersion(committed.epoch, committed.revision);
        const granted = grants[committed.alternative]!.map((value) => ({ value, token }));
        const ports = portsOf(granted);
        const how = { created: true, obstacle, attempts, probed: ports.every((port) => bindable.has(port)) };
        return reservationOf(this.#executor, granted, committed, { ...how, notes: notesOn(ports) });
      },
      settle,
    };
  }

  /** The alternative that promises these ports: it holds only if nobody has them, nor the endpoints others. */
  #promise(assignments: readonly Assignment[]): Alternative {
    const conditions: Condition[] = [];
    const puts: Put[] = [];
    const rested: string[] = [];
    for (const assignment of assignments) {
      const { protocol, port, endpoint } = assignment;
      for (const each of protocols) {
        // The other protocol's number must be as it was when it was found free, or this service's own.
        const version = each === protocol ? null : (this.#fleet.assignment(each, port)?.version ?? null);
        conditions.push({ key: key.assignment(each, port), version });
        const rest = this.#fleet.resting(each, port);
        if (!rest) continue;
        conditions.push({ key: rest.key, version: rest.version });
        rested.push(rest.key);
      }
      const endpointKey = key.endpoint(endpoint, protocol);
      conditions.push({ key: endpointKey, version: null });
      puts.push(put<'assignment'>(key.assignment(protocol, port), assignment));
      puts.push(put<'endpoint'>(endpointKey, { port }));
      puts.push(...settledLoss(this.#fleet, assignment));
    }
    const leases: { id: string; ttl: number | null }[] = rested.map((id) => ({ id, ttl: null }));
    const lease = assignments[0]?.lease;
    if (lease) leases.push({ id: lease.id, ttl: lease.ttl * 1000 });
    return { conditions, puts, deletes: rested, leases };
  }
}

/** The answer that tells of what was granted, all ports of one request. */
export function reservationOf(
  { fleet }: Executor,
  granted: readonly { value: Assignment; token: Version }[],
  { position, acknowledgement }: Pick<Committed, 'position' | 'acknowledgement'>,
  how: Pick<Reservation, 'created' | 'obstacle' | 'attempts' | 'probed' | 'notes'>,
): Reservation {
  const assignments = granted.map(({ value, token }) => viewOfAssignment(fleet, value, token));
  const [first] = assignments;
  const ports: Record<string, number> = {};
  for (const { endpoint, port } of assignments) ports[endpoint.label] = port;
  return {
    port: first!.port,
    ports,
    assignments,
    token: first!.token,
    lease: first!.lease,
    wasInUse: how.obstacle !== null,
    acknowledged: acknowledgement,
    position,
    ...how,
  };
}

/** `onTaken` in the terms of `port` (this or nothing) and `preferred` (this or the next). */
function asWished(request: ReserveRequest): ReserveRequest {
  const { onTaken, port, preferred, ...rest } = request;
  if (onTaken === 'next' && port !== undefined) return { ...rest, preferred: port };
  if (onTaken === 'fail' && preferred !== undefined) return { ...rest, port: preferred };
  return request;
}

/**
 * The request with the id of the host that it names, which is what an assignment keeps: a name may be another machine's
 * tomorrow. A host that nobody knows stays as it was written, and gives no agent a right.
 *
 * @throws PortolanError `ambiguous`
 */
export function onHost<T extends { readonly host?: string | undefined }>(fleet: Fleet, request: T): T {
  const host = request.host === undefined ? undefined : fleet.findHost(request.host);
  return host ? { ...request, host: host.id } : request;
}

export function endpointsOf(request: NumberedRequest): Endpoint[] {
  return labelsOf(request).map((label) => endpointOf(request, label));
}

export function endpointOf(
  request: Pick<NumberedRequest, 'project' | 'service' | 'instance'>,
  label: string,
): Endpoint {
  return { project: request.project, service: request.service, label, instance: request.instance };
}

function grant(
  request: Wanted,
  endpoint: Endpoint,
  port: number,
  lease: { id: string; ttl: number } | null,
): Assignment {
  return {
    protocol: request.protocol,
    port,
    endpoint,
    lease,
    ...(request.purpose !== undefined && { purpose: request.purpose }),
    ...(request.host !== undefined && { host: request.host }),
    ...(request.holder !== undefined && { holder: request.holder }),
    ...(lease && holdingOf(request)),
    ...(request.shown !== undefined && { takenBackBy: request.shown }),
    grantedAt: new Date().toISOString(),
  };
}

/** Whoever asks for it looks after it from now on, under a token of its own. */
export function attended(
  { unattended: _, grant: __, takenBackBy: ___, process: ____, requestId: _____, ...assignment }: Assignment,
  by: ReserveRequest,
): Assignment {
  return { ...assignment, ...(assignment.lease && holdingOf(by)) };
}

/** Which process holds a lease, and which request it answered. */
function holdingOf({ process, requestId }: ReserveRequest): Pick<Assignment, 'process' | 'requestId'> {
  return { ...(process && { process }), ...(requestId !== undefined && { requestId }) };
}

/** Whether the lease passes on: its process ended, as the caller saw, and it is held by no other since. */
function passesOn({ lease, process }: Assignment, { ttl, succeeds, process: successor }: Wanted): boolean {
  return lease !== null && ttl !== undefined && succeeds !== undefined && !!successor && sameValue(process, succeeds);
}

/** What becomes of an assignment when its endpoint asks for it again. */
function takenAgain(held: Held<'assignment'>, request: Wanted): Assignment {
  const { value } = held;
  const { ttl, purpose, host, holder, shown } = request;
  if (passesOn(value, request)) {
    const { requestId: _, ...rest } = value;
    return rewritten({ ...held, value: rest }, { ...holdingOf(request), ...(holder !== undefined && { holder }) });
  }
  // Nobody looked after it: whoever does from now on is its holder, save the one that it had comes back.
  const attendedTo =
    value.unattended === undefined
      ? value
      : { ...attended(value, request), ...(shown !== undefined && { takenBackBy: shown }) };
  if (ttl !== undefined || areOfTwoCopies(value.holder, holder)) return attendedTo;
  const terms = {
    ...(purpose !== undefined && { purpose }),
    ...(host !== undefined && { host }),
    ...(holder !== undefined && { holder }),
  };
  const { process: _, requestId: __, ...lasting } = attendedTo;
  if (sameValue({ ...lasting, lease: null, ...terms }, value)) return value;
  return rewritten({ value: lasting, version: held.version }, { lease: null, ...terms });
}

/** @param what it may not do */
export function fenced({ value }: Held<'assignment'>, token: string, what: string): PortolanError {
  return new PortolanError(
    'fenced',
    `${formatEndpoint(value.endpoint)} has been granted again since, so the token ${token} may not ${what}`,
    { port: value.port, protocol: value.protocol },
  );
}

function partlyHeld(endpoints: readonly Endpoint[], found: readonly (Held<'assignment'> | undefined)[]): PortolanError {
  const has = endpoints.flatMap((endpoint, i) => (found[i] ? [`${endpoint.label} has ${found[i].value.port}`] : []));
  const lacks = endpoints.flatMap((endpoint, i) => (found[i] ? [] : [endpoint.label]));
  return new PortolanError(
    'endpoint-elsewhere',
    `${serviceId(endpoints[0]!)} already has some of these ports (${has.join(', ')}), so one contiguous block cannot be given; ` +
      `reserve ${lacks.join(', ')} alone, or release the service first`,
    {
      held: Object.fromEntries(
        endpoints.flatMap((endpoint, i) => (found[i] ? [[endpoint.label, found[i].value.port]] : [])),
      ),
    },
  );
}

function heldAlready({ value: { endpoint, protocol, port } }: Held<'assignment'>): PortolanError {
  return new PortolanError('endpoint-elsewhere', `${formatEndpoint(endpoint)} already has ${protocol} port ${port}`, {
    port,
  });
}

export function elsewhere({ value }: Held<'assignment'>, wanted: number): PortolanError {
  const endpoint = formatEndpoint(value.endpoint);
  return new PortolanError(
    'endpoint-elsewhere',
    `${endpoint} already has ${value.protocol} port ${value.port}, so it is not given ${wanted}; release it first, or ask for a further instance`,
    { port: value.port, wanted },
  );
}

function exhausted({ preferred, maxAttempts }: ReserveRequest, count: number, field: Field): string {
  const none = count > 1 ? `no ${count} neighbouring ports are` : 'no port is';
  if (preferred === undefined) return `${none} free in ${field.name}; release some, or name another range`;
  return `${none} free among the ${maxAttempts} from ${preferred} on, in ${field.name}; allow more attempts, or prefer another port`;
}

function allRefused({ name }: Host, refused: ReadonlyMap<number, Obstacle>): PortolanError {
  return new PortolanError(
    'range-exhausted',
    `none of the ${refused.size} ports that were tested can be bound on ${name}; name another range, or ask what holds them there`,
    { refused: refused.size },
  );
}

function unknownHost(host: string, ports: readonly number[]): PortNote {
  const detail = `no host ${host} is known, so it is not tested that ${formatPortList(ports)} can be bound there`;
  return { kind: 'untested', ports: [...ports], host, detail };
}

function portsOf(held: readonly { readonly value: Assignment }[]): number[] {
  return held.map(({ value }) => value.port);
}
