import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type HttpBindings, serve } from '@hono/node-server';
import {
  type AssignmentState,
  assignmentView,
  bearerOf,
  Caller,
  freePorts,
  type HostListener,
  issueClause,
  LOCAL_API_PORT,
  LocalQuery,
  listenerView,
  type MemberView,
  PortolanError,
  Protocol,
  page,
  plainIssue,
  portReport,
  type Reservation,
  type ReserveRequest,
  ReserveRequest as ReserveSchema,
  type Source,
  services,
  type TestBind,
} from '@portolan/model';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Logger } from 'pino';
import { admit } from './admission.ts';
import type { FleetCopy } from './fleet-copy.ts';
import { probe } from './prober.ts';

export interface LocalApiOptions {
  /** On 127.0.0.1; 7677 unless told otherwise. Where it is taken, any free one. */
  readonly port?: number | undefined;
  /** Id of this agent's host. */
  readonly host: string;
  /** The agent's own token, which is taken besides those that the registry knows. */
  readonly token: string;
  readonly copy: FleetCopy;
  readonly members: () => MemberView[];
  /** Hosts whose sheets there is no room for. */
  readonly leftOut: () => string[];
  /** Gives a lease without a coordinator, with the rights of a token. */
  readonly promise: (request: ReserveRequest, token: string) => Promise<Reservation>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
}

export interface LocalApi {
  readonly url: string;
  stop(): Promise<void>;
}

const BODY_MAX = 64 * 1024;
const ADDRESS = '127.0.0.1';
const PACE = { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 2_000 };
const CONNECTIONS_MAX = 200;

interface Env {
  Bindings: HttpBindings;
  Variables: { caller: Caller };
}

/**
 * Answers on this machine what a coordinator would, from the agent's copy of the fleet: the same paths and shapes, with
 * `source` beside them, which says how old the answer is.
 *
 * @throws Error with `code`, such as EADDRINUSE
 */
export async function startLocalApi(options: LocalApiOptions): Promise<LocalApi> {
  const { port = LOCAL_API_PORT } = options;
  const app = createLocalApp(options);
  const listen = async (on: number) => {
    const server = serve({
      fetch: app.fetch,
      hostname: ADDRESS,
      port: on,
      createServer,
      serverOptions: PACE,
    }) as Server;
    if (!server.listening) await once(server, 'listening');
    return server;
  };
  const server = await listen(port).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE' && port !== 0) return listen(0);
    throw error;
  });
  server.maxConnections = CONNECTIONS_MAX;
  // It goes with the agent, and does not keep it.
  server.unref();
  return {
    url: `http://${ADDRESS}:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Where an agent says at what address it answers, for who runs with the same state directory. */
export function localApiFile(stateDirectory: string): string {
  return join(stateDirectory, 'local-api.json');
}

function createLocalApp({ host, token, copy, members, leftOut, promise, logger }: LocalApiOptions): Hono<Env> {
  const { fleet } = copy;
  const app = new Hono<Env>();
  const source = (): Source => {
    const { asOf } = copy;
    return {
      agent: host,
      asOf: asOf === null ? null : new Date(asOf).toISOString(),
      attended: copy.isAttended,
      leftOut: leftOut(),
    };
  };
  const seen = (listener: HostListener) => ({
    ...listener,
    asOf: new Date(copy.hostAsOf(listener.host)).toISOString(),
  });

  app.use((c, next) => {
    checkNames(c.req.header('host'), c.req.header('origin'));
    c.set('caller', admit(c.req.header('authorization'), token, fleet));
    return next();
  });
  app.use(bodyLimit({ maxSize: BODY_MAX, onError: () => refuseBody() }));

  app.get('/v1/source', (c) => c.json(source()));
  app.get('/v1/members', (c) => c.json({ items: members(), source: source() }));
  app.get('/v1/tokens/self', (c) => c.json(Caller.parse(c.get('caller'))));
  app.get('/v1/hosts', (c) => {
    const listed = page(
      fleet,
      fleet.all('host'),
      queryOf(c.req.query()),
      () => true,
      ({ value }) => value,
    );
    return c.json({ ...listed, source: source() });
  });
  app.get('/v1/hosts/:id', (c) => {
    const found = fleet.findHost(c.req.param('id'));
    if (!found) throw new PortolanError('not-found', `there is no host ${c.req.param('id')}`);
    return c.json(found);
  });
  app.get('/v1/listeners', (c) => {
    const query = queryOf(c.req.query());
    const id = query.host === undefined ? undefined : (fleet.findHost(query.host)?.id ?? query.host);
    const all = id === undefined ? fleet.all('listener') : fleet.listenersOf(id).values();
    const listed = page(
      fleet,
      all,
      query,
      ({ value }) =>
        (query.protocol === undefined || value.protocol === query.protocol) &&
        (query.port === undefined || value.port === query.port) &&
        (query.service === undefined || value.identity?.service === query.service),
      ({ value }) => seen(listenerView(fleet, value)),
    );
    return c.json({ ...listed, source: source() });
  });
  app.get('/v1/assignments', (c) => {
    const query = queryOf(c.req.query());
    const listed = page(
      fleet,
      fleet.all('assignment'),
      query,
      (held) =>
        (query.protocol === undefined || held.value.protocol === query.protocol) &&
        (query.port === undefined || held.value.port === query.port) &&
        (query.project === undefined || held.value.endpoint.project === query.project) &&
        (query.service === undefined || held.value.endpoint.service === query.service) &&
        (query.state === undefined || assignmentView(fleet, held).state === (query.state as AssignmentState)),
      (held) => assignmentView(fleet, held),
    );
    return c.json({ ...listed, source: source() });
  });
  app.get('/v1/assignments/:protocol/:port', (c) => {
    const protocol = Protocol.safeParse(c.req.param('protocol')).data;
    const port = portOf(c.req.param('port'));
    const held = protocol && fleet.assignment(protocol, port);
    if (!held) throw new PortolanError('not-found', `${c.req.param('protocol')} port ${port} is not assigned`);
    return c.json(assignmentView(fleet, held));
  });
  app.get('/v1/services', (c) => {
    const { project, after, limit } = queryOf(c.req.query());
    const all = services(
      fleet,
      (id) => (project === undefined || id.startsWith(`${project}/`)) && (after === undefined || id > after),
    );
    const items = all.slice(0, limit);
    const next = all.length > items.length ? items.at(-1)!.id : null;
    return c.json({ items, position: fleet.position, next, source: source() });
  });
  app.get('/v1/ports/free', async (c) => {
    const { project = 'unknown', protocol = 'tcp', range, count, order } = queryOf(c.req.query());
    const test: TestBind = async (ports) => (await probe(protocol, ports)).map(({ port }) => port);
    // To test is to bind: who may only read has no business with that.
    const isTested = c.get('caller').role !== 'viewer';
    const found = await freePorts(
      fleet,
      { project, range, count, order },
      fleet.host(host),
      isTested ? test : undefined,
    );
    return c.json({ ...found, position: fleet.position, source: source() });
  });
  app.get('/v1/ports/:port', (c) => {
    const report = portReport(fleet, portOf(c.req.param('port')), queryOf(c.req.query()).protocol, host);
    return c.json({ ...report, listeners: report.listeners.map(seen), source: source() });
  });
  app.get('/v1/findings', (c) => {
    const query = queryOf(c.req.query());
    const listed = page(
      fleet,
      fleet.all('finding'),
      query,
      ({ value }) =>
        (query.state === 'all' || (query.state ?? value.state) === value.state) &&
        (query.kind === undefined || value.kind === query.kind) &&
        (query.severity === undefined || value.severity === query.severity) &&
        (query.port === undefined || value.port === query.port),
      ({ value }) => value,
    );
    return c.json({ ...listed, source: source() });
  });
  for (const kind of ['range', 'block'] as const) {
    app.get(`/v1/${kind}s`, (c) => {
      const listed = page(
        fleet,
        fleet.all(kind),
        queryOf(c.req.query()),
        () => true,
        ({ value }) => value,
      );
      return c.json({ ...listed, source: source() });
    });
  }
  app.post('/v1/assignments', async (c) => {
    const body = await c.req.json().catch(() => {
      throw new PortolanError('invalid-request', 'the body is no JSON');
    });
    const request = ReserveSchema.safeParse(body, { error: plainIssue });
    if (!request.success) throw invalid(request.error.issues);
    checkHolder(c.get('caller'), request.data.project);
    return c.json(await promise(request.data, bearerOf(c.req.header('authorization')) as string), 201);
  });

  app.notFound((c) =>
    problem(
      new PortolanError(
        'not-found',
        `an agent answers nothing at ${c.req.method} ${c.req.path}: ask a coordinator for that`,
      ),
    ),
  );
  app.onError((error) => {
    if (error instanceof PortolanError) return problem(error);
    logger.error({ err: error }, 'the local API failed');
    return problem(new PortolanError('internal', 'the agent failed at this; its log says why'));
  });
  return app;
}

/** Any page may point a name of its own at 127.0.0.1, and no page has business here. */
function checkNames(host: string | undefined, origin: string | undefined): void {
  const name = /^(\[::1\]|localhost|127(?:\.\d{1,3}){3})(?::\d{1,5})?$/i.exec(host ?? '');
  if (!name) throw new PortolanError('misdirected', 'this agent answers to localhost and 127.0.0.1 alone');
  if (origin !== undefined) throw new PortolanError('forbidden', 'pages may not use the local API of an agent');
}

/** @throws PortolanError `forbidden` */
function checkHolder({ role, name, projects }: Caller, project: string): void {
  const may = role === 'admin' || role === 'operator' || (role === 'client' && projects?.includes(project));
  if (may) return;
  throw new PortolanError(
    'forbidden',
    `the token "${name}" (${role}) may hold no port of the project ${project}; it takes one of the role client for that project`,
  );
}

function queryOf(query: Record<string, string>): LocalQuery {
  const parsed = LocalQuery.safeParse(query, { error: plainIssue });
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues);
}

function portOf(text: string): number {
  const { port } = queryOf({ port: text });
  return port as number;
}

function invalid(issues: readonly { path: PropertyKey[]; message: string }[]): PortolanError {
  const told = issues.map(({ path, message }) => issueClause(path.join('.') || 'the request', message));
  return new PortolanError('invalid-request', told.join('; '));
}

function refuseBody(): Response {
  return problem(new PortolanError('too-large', `the body has more than ${BODY_MAX} bytes`));
}

function problem(error: PortolanError): Response {
  const body = error.toProblem();
  return Response.json(body, { status: body.status, headers: { 'content-type': 'application/problem+json' } });
}
