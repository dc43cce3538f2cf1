import {
  AssignmentView,
  type AuditEvent,
  type Block,
  Caller,
  type EndInput,
  EndResponse,
  type Finding,
  formatInterval,
  GRACE_DEFAULT,
  Host,
  type HostInfo,
  type HostListener,
  type Interval,
  type Page,
  PortolanError,
  PortReport,
  type Protocol,
  type Range,
  type ReassertInput,
  type ReleaseRequest,
  ReleaseResponse,
  type RenewRequest,
  RenewResponse,
  type ReportRequest,
  ReportResponse,
  Reservation,
  type ReserveInput,
  type ServiceView,
  Status,
  type TaskAnswer,
  type TokenInput,
  TokenMade,
  type TokenView,
} from '@portolan/model';
import {
  type AssignmentQuery,
  type AuditQuery,
  type Changes,
  type ChangesQuery,
  type FindingQuery,
  type FreeQuery,
  type ListenerQuery,
  type ListQuery,
  type OrphanQuery,
  type ReadQuery,
  rangeText,
  type ServiceQuery,
} from './query.ts';
import { Renewals } from './renewal.ts';
import { hold, type Reserved, type ReserveOptions } from './reserved.ts';
import type { Call, Transport } from './transport.ts';
import { type Watch, type WatchOptions, watch } from './watch.ts';

/** The coordinator's API, method by route, and what an SDK adds: self-renewing leases and a watch that resumes. */
export class PortolanClient implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #WebSocket: typeof WebSocket;
  readonly #renewals: Renewals;

  constructor(transport: Transport, WebSocketClass: typeof WebSocket) {
    this.#transport = transport;
    this.#WebSocket = WebSocketClass;
    this.#renewals = new Renewals((request, timeout) => this.#ask(RenewResponse, renewCall(request, timeout)));
  }

  /** The coordinator in use. */
  get url(): string {
    return this.#transport.url;
  }

  get token(): string {
    return this.#transport.token;
  }

  /**
   * One port, or a contiguous block for several labels. Asking again for the same endpoint gives the same ports.
   *
   * @throws PortolanError `port-taken`, `port-blocked`, `range-exhausted`, `unknown-range`, `contention`, …
   */
  async reserve(input: ReserveInput, options: ReserveOptions = {}): Promise<Reserved> {
    const { signal } = options;
    // Sticky by endpoint, so a repetition finds what the first one got.
    const call: Call = { method: 'POST', path: '/v1/assignments', body: input, repeatable: true, signal };
    if (input.onTaken === 'takeover') call.timeout = endingTakes(input.grace);
    const since = performance.now();
    const reservation = await this.#ask(Reservation, call);
    return hold({
      reservation,
      since,
      options,
      renewals: this.#renewals,
      reassert: (claim) => this.reassert(claim),
      release: (request) => this.#releaseIfThere(request),
      handOver: (lease) => this.renew([{ ...lease, handOver: true }]),
    });
  }

  /** Takes back ports under an old token. @throws PortolanError `assignment-lost`, `fenced`, … */
  reassert(input: ReassertInput): Promise<Reservation> {
    return this.#ask(Reservation, { method: 'POST', path: '/v1/assignments/reassert', body: input, repeatable: true });
  }

  release(request: ReleaseRequest): Promise<ReleaseResponse> {
    return this.#ask(ReleaseResponse, {
      method: 'POST',
      path: '/v1/assignments/release',
      body: request,
      repeatable: false,
    });
  }

  /** For leases that are not renewed by themselves. */
  renew(leases: RenewRequest['leases']): Promise<RenewResponse> {
    return this.#ask(RenewResponse, renewCall({ leases }));
  }

  assignments(query: AssignmentQuery = {}): Promise<Page<AssignmentView>> {
    return this.#list('/v1/assignments', query);
  }

  /** @throws PortolanError `not-found` when nobody is assigned the port */
  assignment(protocol: Protocol, port: number, query: ReadQuery = {}): Promise<AssignmentView> {
    return this.#ask(AssignmentView, get(`/v1/assignments/${protocol}/${port}`, query));
  }

  /** Everything known of one port number. */
  port(port: number, query: ReadQuery = {}): Promise<PortReport> {
    return this.#ask(PortReport, get(`/v1/ports/${port}`, query));
  }

  /** Ports that could be assigned now. It promises nothing: reserve one to have it. */
  async freePorts({ range, ...query }: FreeQuery = {}): Promise<number[]> {
    const answer = await this.#transport.send(
      get('/v1/ports/free', { ...query, range: range === undefined ? undefined : rangeText(range) }),
    );
    return (answer as { ports: number[] }).ports;
  }

  listeners(query: ListenerQuery = {}): Promise<Page<HostListener>> {
    return this.#list('/v1/listeners', query);
  }

  /**
   * Has the agent of a host end what listens on a port, and waits until the port is free.
   *
   * @throws PortolanError `not-permitted`, `other-service`, `process-changed`, `in-container`, `protected`, `still-bound`,
   * `no-agent`, …
   */
  endListener(request: EndInput): Promise<EndResponse> {
    const path = '/v1/listeners/end';
    return this.#ask(EndResponse, {
      method: 'POST',
      path,
      body: request,
      repeatable: request.dryRun ?? false,
      timeout: endingTakes(request.grace),
    });
  }

  /** Listeners that were started with a lease which nobody renews any more. */
  orphans(query: OrphanQuery = {}): Promise<Page<HostListener>> {
    return this.#list('/v1/listeners/orphans', query);
  }

  services(query: ServiceQuery = {}): Promise<Page<ServiceView>> {
    return this.#list('/v1/services', query);
  }

  async service(project: string, service: string, query: ReadQuery = {}): Promise<ServiceView> {
    const path = `/v1/services/${encodeURIComponent(project)}/${encodeURIComponent(service)}`;
    return (await this.#transport.send(get(path, query))) as ServiceView;
  }

  hosts(query: ListQuery = {}): Promise<Page<Host>> {
    return this.#list('/v1/hosts', query);
  }

  host(id: string, query: ReadQuery = {}): Promise<Host> {
    return this.#ask(Host, get(hostPath(id), query));
  }

  /** Tells of a host: what its agent does when it starts, and when something of it changed. */
  join(id: string, info: HostInfo): Promise<Host> {
    return this.#ask(Host, { method: 'PUT', path: hostPath(id), body: info, repeatable: true });
  }

  /** A report sent again has the same number, so it counts once. */
  report(id: string, report: ReportRequest): Promise<ReportResponse> {
    return this.#ask(ReportResponse, { method: 'POST', path: hostPath(id, '/report'), body: report, repeatable: true });
  }

  leave(id: string): Promise<Host> {
    return this.#ask(Host, { method: 'POST', path: hostPath(id, '/leave'), repeatable: true });
  }

  /** Removes a host and its listeners, for good. */
  async forgetHost(id: string): Promise<void> {
    await this.#transport.send({ method: 'DELETE', path: hostPath(id), repeatable: false });
  }

  async answerTask(id: string, answer: TaskAnswer): Promise<void> {
    const path = `/v1/tasks/${encodeURIComponent(id)}/answer`;
    await this.#transport.send({ method: 'POST', path, body: answer, repeatable: true });
  }

  ranges(query: ListQuery = {}): Promise<Page<Range>> {
    return this.#list('/v1/ranges', query);
  }

  async putRange({ name, ...range }: Range): Promise<void> {
    const path = `/v1/ranges/${encodeURIComponent(name)}`;
    await this.#transport.send({ method: 'PUT', path, body: range, repeatable: true });
  }

  async removeRange(name: string): Promise<void> {
    await this.#transport.send({ method: 'DELETE', path: `/v1/ranges/${encodeURIComponent(name)}`, repeatable: false });
  }

  blocks(query: ListQuery = {}): Promise<Page<Block>> {
    return this.#list('/v1/blocks', query);
  }

  async block(block: Block): Promise<void> {
    await this.#transport.send({ method: 'POST', path: '/v1/blocks', body: block, repeatable: true });
  }

  async unblock(ports: Interval, protocol?: Protocol): Promise<void> {
    const path = `/v1/blocks/${formatInterval(ports)}`;
    await this.#transport.send({ method: 'DELETE', path, query: { protocol }, repeatable: false });
  }

  findings(query: FindingQuery = {}): Promise<Page<Finding>> {
    return this.#list('/v1/findings', query);
  }

  async acknowledge(findingId: string): Promise<Finding> {
    const path = `/v1/findings/${encodeURIComponent(findingId)}/acknowledge`;
    return (await this.#transport.send({ method: 'POST', path, repeatable: true })) as Finding;
  }

  /** Makes a token. The answer is the only one that has the token itself. */
  createToken(request: TokenInput): Promise<TokenMade> {
    return this.#ask(TokenMade, { method: 'POST', path: '/v1/tokens', body: request, repeatable: false });
  }

  tokens(query: ListQuery = {}): Promise<Page<TokenView>> {
    return this.#list('/v1/tokens', query);
  }

  /** At once and for all coordinators. @throws PortolanError `not-found` */
  async revokeToken(id: string): Promise<TokenView> {
    const path = `/v1/tokens/${encodeURIComponent(id)}`;
    return ((await this.#transport.send({ method: 'DELETE', path, repeatable: false })) as { token: TokenView }).token;
  }

  /** Whose token this client has, and what it may do. */
  self(): Promise<Caller> {
    return this.#ask(Caller, get('/v1/tokens/self', {}));
  }

  /** How the coordinator in use does. */
  status(): Promise<Status> {
    return this.#ask(Status, get('/v1/status', {}));
  }

  /** Who did what, newest first. */
  audit(query: AuditQuery = {}): Promise<Page<AuditEvent>> {
    return this.#list('/v1/audit', query);
  }

  /**
   * Commits after a position, without waiting for more; without `after`, the position to begin from. `watch` is the
   * comfortable way.
   *
   * @throws PortolanError `not-found` when the position is not in the history: read the lists again
   */
  async changes(query: ChangesQuery = {}): Promise<Changes> {
    const { topics, ports, ...rest } = query;
    const written = { ...rest, topics: topics?.join(','), ports: ports && formatInterval(ports) };
    return (await this.#transport.send(get('/v1/changes', written))) as Changes;
  }

  /** The fleet's state and then its changes, without a gap over lost connections. */
  watch(options: WatchOptions): Watch {
    return watch(this.#transport, this.#WebSocket, options);
  }

  /** Stops renewing; leases that were not released end when their time is over. */
  close(): void {
    this.#renewals.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #ask<T>(schema: { safeParse(value: unknown): Parsed<T> }, call: Call): Promise<T> {
    const parsed = schema.safeParse(await this.#transport.send(call));
    if (parsed.success) return parsed.data;
    throw notUnderstood(call, parsed.error);
  }

  /**
   * Lists are shown rather than acted on, can be long, and a newer coordinator may know more kinds of things than this
   * client: so only their frame is tested.
   */
  async #list<T>(path: string, query: object): Promise<Page<T>> {
    const call = get(path, query);
    const page = (await this.#transport.send(call)) as Page<T> | null;
    if (!Array.isArray(page?.items)) throw notUnderstood(call, 'no items');
    return { ...page, next: page.next ?? null };
  }

  async #releaseIfThere(request: ReleaseRequest): Promise<void> {
    try {
      // The token names one grant, so a repetition can hit nothing else.
      await this.#transport.send({ method: 'POST', path: '/v1/assignments/release', body: request, repeatable: true });
    } catch (error) {
      if (!(error instanceof PortolanError && (error.code === 'not-found' || error.code === 'fenced'))) throw error;
    }
  }
}

type Parsed<T> = { success: true; data: T } | { success: false; error: unknown };

function get(path: string, query: object): Call {
  return { method: 'GET', path, query, repeatable: true };
}

/** One attempt: whoever renews tries again by a clock of its own. */
function renewCall(request: RenewRequest, timeout?: number): Call {
  const call: Call = { method: 'POST', path: '/v1/leases/renew', body: request, repeatable: true };
  return timeout === undefined ? call : { ...call, timeout, patience: 0 };
}

/** To end a process takes the grace that it is given, and what the agent needs around it. @returns ms */
function endingTakes(grace = GRACE_DEFAULT): number {
  return 2_000 * grace + 30_000;
}

function hostPath(id: string, rest = ''): string {
  return `/v1/hosts/${encodeURIComponent(id)}${rest}`;
}

function notUnderstood({ method, path }: Call, cause: unknown): PortolanError {
  return new PortolanError(
    'internal',
    `The answer to ${method} ${path} is not what this client expects. Bring client and coordinator to the same version.`,
    {},
    { cause },
  );
}
