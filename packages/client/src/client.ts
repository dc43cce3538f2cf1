import type {
  Alias,
  Assignment,
  AssignmentView,
  AuditEvent,
  Block,
  Caller,
  EndInput,
  EndResponse,
  Enrolment,
  EnrolmentMade,
  EnrolmentRequest,
  EnrolRequest,
  Finding,
  FindingEvent,
  FreePorts,
  GossipAccess,
  HealthReport,
  Host,
  HostInfo,
  HostListener,
  Interval,
  KeyAction,
  KeyReport,
  Login,
  MemberView,
  Page,
  Plan,
  PlanDiff,
  PlanInput,
  PlanView,
  PortReport,
  Protocol,
  ProvisionalResponse,
  Range,
  Readiness,
  ReassertInput,
  ReleaseRequest,
  ReleaseResponse,
  RenewRequest,
  RenewResponse,
  ReportRequest,
  ReportResponse,
  Reservation,
  ReserveInput,
  ServiceId,
  ServiceView,
  Source,
  Status,
  TaskAnswer,
  TokenInput,
  TokenMade,
  TokenView,
  WebhookInput,
  WebhookSet,
  WebhookTest,
  WebhookView,
} from '@portolan/model';
import { formatInterval, GRACE_DEFAULT, PortolanError } from '@portolan/model/plain';
import type { Answers, Schema } from './answers.ts';
import {
  type AssignmentQuery,
  type AuditQuery,
  type Changes,
  type ChangesQuery,
  type DeclareQuery,
  type FindingHistoryQuery,
  type FindingQuery,
  type FreeQuery,
  type ListenerQuery,
  type ListQuery,
  type OrphanQuery,
  type PortQuery,
  type ReadQuery,
  rangeText,
  type ServiceQuery,
  type TargetQuery,
} from './query.ts';
import { Renewals } from './renewal.ts';
import { newRequestId } from './request-id.ts';
import { hold, type Reserved, type ReserveOptions } from './reserved.ts';
import type { Call, IsOurs, Transport } from './transport.ts';
import { type Watch, type WatchOptions, watch } from './watch.ts';

/** The coordinator's API, method by route, and what an SDK adds: self-renewing leases and a watch that resumes. */
export class PortolanClient implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #WebSocket: typeof WebSocket;
  readonly #here: () => Promise<string | undefined>;
  readonly #renewals: Renewals;

  constructor(
    transport: Transport,
    WebSocketClass: typeof WebSocket,
    here: () => Promise<string | undefined> = async () => undefined,
  ) {
    this.#transport = transport;
    this.#here = here;
    this.#WebSocket = WebSocketClass;
    this.#renewals = new Renewals((request, timeout) => this.#ask('RenewResponse', renewCall(request, timeout)));
  }

  /** Those that this client may use: named by hand, or learned, of which each has proved to be of the fleet. */
  get urls(): readonly string[] {
    return this.#transport.urls;
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
   * The agent of the host that the request names, else of the one that this program runs on, tests that they can be bound:
   * `probed` of the reservation says whether it did.
   *
   * @throws PortolanError `port-taken`, `port-blocked`, `range-exhausted`, `unknown-range`, `contention`, …
   */
  async reserve(input: ReserveInput, options: ReserveOptions = {}): Promise<Reserved> {
    const { signal } = options;
    // In the query, where a coordinator that does not know it passes over it.
    const query = { probeOn: input.host === undefined ? await this.#here() : undefined };
    // Sticky by endpoint, so a repetition finds what the first one got; with `auto` by the request.
    const isAuto = input.instance === 'auto';
    const body = isAuto && input.requestId === undefined ? { ...input, requestId: newRequestId() } : input;
    const call: Call = { method: 'POST', path: '/v1/assignments', query, body, repeatable: true, signal };
    if (input.onTaken === 'takeover') call.timeout = endingTakes(input.grace);
    const since = performance.now();
    const reservation = await this.#ask('Reservation', call);
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
    return this.#ask('Reservation', {
      method: 'POST',
      path: '/v1/assignments/reassert',
      body: input,
      repeatable: true,
    });
  }

  /**
   * With a lease or a token it is tried again when its outcome is unknown: they name one grant, so nothing else is hit.
   *
   * @returns what was released; nothing when an earlier attempt did it whose answer was lost
   * @throws PortolanError `not-found`, `fenced`, …
   */
  async release(request: ReleaseRequest): Promise<ReleaseResponse> {
    const call = releaseCall(request);
    const answer = await this.#transport.send(call);
    if (answer === null) return { released: [], position: (await this.status()).position };
    return understood(this.#transport.answers.ReleaseResponse, answer, call);
  }

  /** For leases that are not renewed by themselves. */
  renew(leases: RenewRequest['leases']): Promise<RenewResponse> {
    return this.#ask('RenewResponse', renewCall({ leases }));
  }

  assignments(query: AssignmentQuery = {}): Promise<Page<AssignmentView>> {
    return this.#list('/v1/assignments', query);
  }

  /** @throws PortolanError `not-found` when nobody is assigned the port */
  assignment(protocol: Protocol, port: number, query: ReadQuery = {}): Promise<AssignmentView> {
    return this.#ask('AssignmentView', get(`/v1/assignments/${protocol}/${port}`, query));
  }

  /** Everything known of one port number. */
  port(port: number, query: PortQuery = {}): Promise<PortReport> {
    return this.#ask('PortReport', get(`/v1/ports/${port}`, query));
  }

  /** Ports that could be assigned now. It promises nothing: reserve one to have it. */
  async freePorts(query: FreeQuery = {}): Promise<number[]> {
    return (await this.lookForFree(query)).ports;
  }

  /** The same, with whether an agent tested that they can be bound, and what is worth knowing of them. */
  async lookForFree({ range, ...query }: FreeQuery = {}): Promise<FreePorts> {
    const probeOn = query.probeOn ?? (await this.#here());
    const text = range === undefined ? undefined : rangeText(range);
    return this.#ask('FreePorts', get('/v1/ports/free', { ...query, probeOn, range: text }));
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
    return this.#ask('EndResponse', {
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
    return this.#ask('Host', get(hostPath(id), query));
  }

  /** Tells of a host: what its agent does when it starts, and when something of it changed. */
  join(id: string, info: HostInfo): Promise<Host> {
    return this.#ask('Host', { method: 'PUT', path: hostPath(id), body: info, repeatable: true });
  }

  /** A report sent again has the same number, so it counts once. */
  report(id: string, report: ReportRequest): Promise<ReportResponse> {
    return this.#ask('ReportResponse', {
      method: 'POST',
      path: hostPath(id, '/report'),
      body: report,
      repeatable: true,
    });
  }

  leave(id: string): Promise<Host> {
    return this.#ask('Host', { method: 'POST', path: hostPath(id, '/leave'), repeatable: true });
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

  /**
   * Puts a project's plan into the registry, all or nothing; what its earlier plan had and this one has not is taken back.
   * With `dryRun` it tells what would change. With the `version` of what it told, exactly that is done.
   *
   * @throws PortolanError `plan-conflict` (`conflicts` in its data say who has what), `plan-changed` (`diff`: as it is now)
   */
  declare(project: string, plan: PlanInput, query: DeclareQuery = {}): Promise<PlanDiff> {
    return this.#ask('PlanDiff', { method: 'PUT', path: planPath(project), body: plan, query, repeatable: true });
  }

  plans(query: ListQuery = {}): Promise<Page<Plan>> {
    return this.#list('/v1/plans', query);
  }

  /** @throws PortolanError `not-found` when none was declared */
  plan(project: string, query: ReadQuery = {}): Promise<PlanView> {
    return this.#ask('PlanView', get(planPath(project), query));
  }

  /** What an agent found when it asked for the health of services on its host. */
  async reportHealth(host: string, report: HealthReport): Promise<void> {
    await this.#transport.send({ method: 'POST', path: hostPath(host, '/health'), body: report, repeatable: true });
  }

  /** In the format of Prometheus's `http_sd`. */
  async prometheusTargets(query: TargetQuery = {}): Promise<{ targets: string[]; labels: Record<string, string> }[]> {
    const answer = await this.#transport.send(get('/v1/discovery/prometheus', query));
    return answer as { targets: string[]; labels: Record<string, string> }[];
  }

  findings(query: FindingQuery = {}): Promise<Page<Finding>> {
    return this.#list('/v1/findings', query);
  }

  async acknowledge(findingId: string): Promise<Finding> {
    const path = `/v1/findings/${encodeURIComponent(findingId)}/acknowledge`;
    return (await this.#transport.send({ method: 'POST', path, repeatable: true })) as Finding;
  }

  /** What happened to findings, newest first. */
  findingHistory(query: FindingHistoryQuery = {}): Promise<Page<FindingEvent>> {
    return this.#list('/v1/findings/history', query);
  }

  /** Who is told of findings, and how far. */
  webhooks(query: ListQuery = {}): Promise<Page<WebhookView>> {
    return this.#list('/v1/webhooks', query);
  }

  /** Makes or changes a webhook. The answer to the first time has the secret. */
  setWebhook(name: string, request: WebhookInput): Promise<WebhookSet> {
    return this.#ask('WebhookSet', { method: 'PUT', path: webhookPath(name), body: request, repeatable: false });
  }

  /** Sends a test now, once. @throws PortolanError `not-found` */
  testWebhook(name: string): Promise<WebhookTest> {
    const path = `${webhookPath(name)}/test`;
    return this.#ask('WebhookTest', { method: 'POST', path, repeatable: false, timeout: 15_000 });
  }

  /** @throws PortolanError `not-found` */
  async removeWebhook(name: string): Promise<void> {
    await this.#transport.send({ method: 'DELETE', path: webhookPath(name), repeatable: false });
  }

  /** Takes back that it was seen. */
  async reopen(findingId: string): Promise<Finding> {
    const path = `/v1/findings/${encodeURIComponent(findingId)}/reopen`;
    return (await this.#transport.send({ method: 'POST', path, repeatable: true })) as Finding;
  }

  /** Writes down what is known of a finding, and who looks after it; `null` takes the note away. */
  async annotate(findingId: string, note: { text: string; assignee?: string | null } | null): Promise<Finding> {
    const path = `/v1/findings/${encodeURIComponent(findingId)}/note`;
    const call: Call = { method: note === null ? 'DELETE' : 'PUT', path, repeatable: true };
    return (await this.#transport.send(note === null ? call : { ...call, body: note })) as Finding;
  }

  aliases(query: ListQuery = {}): Promise<Page<Alias>> {
    return this.#list('/v1/aliases', query);
  }

  /** Says that a service is the same as another. @throws PortolanError `invalid-request` */
  async setAlias(service: ServiceId, of: ServiceId): Promise<Alias> {
    const call: Call = { method: 'PUT', path: aliasPath(service), body: { of }, repeatable: true };
    return ((await this.#transport.send(call)) as { alias: Alias }).alias;
  }

  async removeAlias(service: ServiceId): Promise<Alias> {
    const call: Call = { method: 'DELETE', path: aliasPath(service), repeatable: false };
    return ((await this.#transport.send(call)) as { alias: Alias }).alias;
  }

  /** A code for a link into the dashboard, `/#login=<code>`: it works once, for ten minutes. */
  createLogin(): Promise<Login> {
    return this.#ask('Login', { method: 'POST', path: '/v1/logins', repeatable: true });
  }

  /**
   * Further coordinators of the fleet, which are tried when those that were named fail.
   *
   * @param isOurs whether one is of this fleet: it is shown no token before
   */
  learn(urls: readonly string[], isOurs: IsOurs): void {
    this.#transport.learn(urls, isOurs);
  }

  /** Whether a coordinator answers that can take commands. */
  isReady(): Promise<boolean> {
    return this.#transport.isReady();
  }

  /** What an agent needs to take part in gossip. */
  gossip(): Promise<GossipAccess> {
    return this.#ask('GossipAccess', get('/v1/gossip', {}));
  }

  /** Of an agent's local API: how old its answers are. */
  source(): Promise<Source> {
    return this.#ask('Source', get('/v1/source', {}));
  }

  /** Who takes part in gossip, as the coordinator in use sees it. */
  async members(): Promise<MemberView[]> {
    const items: MemberView[] = [];
    // An agent tells all of its members at once, without a cursor.
    for (let after: string | null | undefined; after !== null; ) {
      const page = await this.#transport.send(get('/v1/members', { after }));
      const { items: some, next = null } = page as { items: MemberView[]; next?: string | null };
      items.push(...some);
      after = next;
    }
    return items;
  }

  /** The keys of gossip, and how many members have each. */
  keys(): Promise<KeyReport> {
    return this.#ask('KeyReport', get('/v1/gossip/keys', {}));
  }

  /**
   * @param key in base64; without one, `install` makes it
   * @param options with `force`, members that do not have the key are left outside
   * @throws PortolanError `members-missing` when that would leave members outside
   */
  changeKeys(action: KeyAction, key?: string, { force }: { readonly force?: boolean } = {}): Promise<KeyReport> {
    const path = `/v1/gossip/keys/${action}`;
    return this.#ask('KeyReport', {
      method: 'POST',
      path,
      body: { key, ...(force && { force }) },
      repeatable: true,
      timeout: 30_000,
    });
  }

  /** Has leases made real that the agent of a host gave while no coordinator could be reached. */
  settleProvisional(
    host: string,
    { assignments, tokens }: { assignments: readonly Assignment[]; tokens: readonly string[] },
  ): Promise<ProvisionalResponse> {
    const path = hostPath(host, '/provisional');
    return this.#ask('ProvisionalResponse', { method: 'POST', path, body: { assignments, tokens }, repeatable: true });
  }

  /** Makes a token. The answer is the only one that has the token itself. */
  createToken(request: TokenInput): Promise<TokenMade> {
    return this.#ask('TokenMade', { method: 'POST', path: '/v1/tokens', body: request, repeatable: false });
  }

  tokens(query: ListQuery = {}): Promise<Page<TokenView>> {
    return this.#list('/v1/tokens', query);
  }

  /** At once and for all coordinators. @throws PortolanError `not-found` */
  async revokeToken(id: string): Promise<TokenView> {
    const path = `/v1/tokens/${encodeURIComponent(id)}`;
    return ((await this.#transport.send({ method: 'DELETE', path, repeatable: false })) as { token: TokenView }).token;
  }

  /** Lets new hosts in. The answer is the only one that has the code. */
  createEnrolment(request: EnrolmentRequest): Promise<EnrolmentMade> {
    return this.#ask('EnrolmentMade', { method: 'POST', path: '/v1/enrolments', body: request, repeatable: false });
  }

  enrolments(query: ListQuery = {}): Promise<Page<Enrolment>> {
    return this.#list('/v1/enrolments', query);
  }

  /** Hosts that it let in keep their tokens. @throws PortolanError `not-found` */
  async revokeEnrolment(id: string): Promise<Enrolment> {
    const path = `/v1/enrolments/${encodeURIComponent(id)}`;
    const answer = await this.#transport.send({ method: 'DELETE', path, repeatable: false });
    return (answer as { enrolment: Enrolment }).enrolment;
  }

  /** Has the token of this host's agent made; `digest` is the SHA-256 of the whole token. The client's own is not looked at. */
  enrol(request: EnrolRequest): Promise<TokenView> {
    return this.#ask('TokenView', { method: 'POST', path: '/v1/enrol', body: request, repeatable: true });
  }

  /** Whose token this client has, and what it may do. */
  self(): Promise<Caller> {
    return this.#ask('Caller', get('/v1/tokens/self', {}));
  }

  /** Whether what the coordinator shows is so now. It answers while its store is away, too. */
  readiness(): Promise<Readiness> {
    return this.#ask('Readiness', get('/v1/readiness', {}));
  }

  /** How the coordinator in use does. */
  status(): Promise<Status> {
    return this.#ask('Status', get('/v1/status', {}));
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

  async #ask<K extends keyof Answers>(kind: K, call: Call): Promise<Answered<K>> {
    const schema = this.#transport.answers[kind] as Schema<Answered<K>>;
    return understood(schema, await this.#transport.send(call), call);
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
      await this.#transport.send(releaseCall(request));
    } catch (error) {
      if (!(error instanceof PortolanError && error.code === 'not-found')) throw error;
    }
  }
}

type Answered<K extends keyof Answers> = Answers[K] extends Schema<infer T> ? T : never;

function understood<T>(schema: Schema<T>, answer: unknown, call: Call): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw notUnderstood(call, parsed.error);
}

function get(path: string, query: object): Call {
  return { method: 'GET', path, query, repeatable: true };
}

function releaseCall(request: ReleaseRequest): Call {
  const repeatable = request.lease !== undefined || request.token !== undefined;
  return { method: 'POST', path: '/v1/assignments/release', body: request, repeatable, removes: true };
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

function webhookPath(name: string): string {
  return `/v1/webhooks/${encodeURIComponent(name)}`;
}

function planPath(project: string): string {
  return `/v1/plans/${encodeURIComponent(project)}`;
}

function aliasPath(service: ServiceId): string {
  const [project = '', name = ''] = service.split('/');
  return `/v1/aliases/${encodeURIComponent(project)}/${encodeURIComponent(name)}`;
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
