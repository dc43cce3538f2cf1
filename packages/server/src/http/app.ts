import { OpenAPIHono, z } from '@hono/zod-openapi';
import { ClientFrame, PortolanError, ServerFrame, TIMEOUT_HEADER } from '@portolan/model';
import type { Context as HonoContext } from 'hono';
import { cors } from 'hono/cors';
import { routePath } from 'hono/route';
import { accountOf, type Principal } from '../access/principal.ts';
import { accessRoutes } from './access.ts';
import { aliasRoutes } from './aliases.ts';
import { assignmentRoutes } from './assignments.ts';
import { limitBody, shareBodies } from './body-limit.ts';
import { changeRoutes } from './changes.ts';
import { type Context, callerOf, type Env, senderOf } from './context.ts';
import { dashboardRoutes, isDashboardPath, isLostReader } from './dashboard.ts';
import { enrolmentRoutes } from './enrolment.ts';
import { findingRoutes } from './findings.ts';
import { gossipRoutes } from './gossip.ts';
import { hostRoutes } from './hosts.ts';
import { loginRoutes } from './logins.ts';
import { mcpRoutes } from './mcp.ts';
import { operationRoutes } from './operations.ts';
import { planRoutes } from './plans.ts';
import { portRoutes } from './ports.ts';
import { answerWith, problemAnswer } from './problems.ts';
import { processRoutes } from './processes.ts';
import { statusRoutes } from './status.ts';
import { countStranger, hold } from './strangers.ts';
import { streamRoute } from './stream.ts';
import { shareAnswers } from './unread.ts';
import { webhookRoutes } from './webhooks.ts';

/** Reachable without a token. Everything else is behind the gate, whatever is added later. */
const OPEN = new Set([
  '/livez',
  '/readyz',
  '/metrics',
  '/v1/openapi.json',
  '/v1/stream',
  '/v1/logins/redeem',
  '/v1/proof',
  '/v1/enrol',
]);
/** Count strangers by themselves: one that is about to say who it is, or has a good code, must not be held up. */
const COUNT_THEMSELVES = new Set(['/v1/stream', '/v1/logins/redeem']);

export interface AppOptions {
  /** Pages of these origins may read, too. */
  readonly origins: readonly string[];
  /** Where the built dashboard lies; without it there is none. */
  readonly dashboard?: URL | undefined;
}

/** All routes of a coordinator behind one gate. */
export function createApp(context: Context, { origins, dashboard }: AppOptions) {
  const { audit, gate, lobby, logger, metrics, names, proxies, rates } = context;
  const app = new OpenAPIHono<Env>();

  app.use(async (c, next) => {
    const started = performance.now();
    await next();
    metrics.observeRequest(c.req.method, routePath(c, -1), c.res.status, (performance.now() - started) / 1000);
  });
  app.use(async (c, next) => {
    await next();
    // No page of elsewhere loads an answer as a script or image, nor learns by trying that a coordinator is here. What
    // is read by CORS is not subject to it.
    c.res.headers.set('cross-origin-resource-policy', 'same-origin');
    c.res.headers.set('x-content-type-options', 'nosniff');
  });
  app.use((c, next) => {
    c.set('address', proxies.addressOf(c.env.incoming.socket.remoteAddress, c.req.header('x-forwarded-for')));
    const host = c.req.header('host');
    names.checkHost(host);
    names.checkOrigin(c.req.header('origin'), host, 'encrypted' in c.env.incoming.socket);
    return next();
  });
  // Before the gate: a browser asks for leave without the token.
  if (origins.length > 0)
    app.use(
      cors({ origin: [...origins], allowHeaders: ['authorization', 'content-type', TIMEOUT_HEADER], maxAge: 600 }),
    );
  app.use((c, next) => {
    // The page lies in memory, and junk of its user's address must not keep the user out of it.
    if (isPage(c)) return next();
    const principal = admitted(c);
    if (!principal) return next();
    c.set('principal', principal);
    lobby.admit(c.env.incoming.socket);
    // An admin's token can do all harm there is; to slow it down would protect nothing.
    if (principal.role !== 'admin') hold(rates.requests.take(accountOf(principal), performance.now()));
    return next();
  });
  app.use((c, next) => {
    c.set('sender', senderOf(c));
    return next();
  });
  app.use(shareAnswers());
  app.use(limitBody());
  app.use(shareBodies());

  app.route('/', operationRoutes(context));
  // Before all that is behind the gate: what it lets through for the page ends there, whatever else has that path.
  if (dashboard) app.route('/', dashboardRoutes(dashboard));
  app.route('/', mcpRoutes(app.fetch));
  app.route('/v1', streamRoute(context));
  for (const routes of [
    accessRoutes,
    loginRoutes,
    enrolmentRoutes,
    assignmentRoutes,
    portRoutes,
    hostRoutes,
    planRoutes,
    processRoutes,
    findingRoutes,
    aliasRoutes,
    changeRoutes,
    statusRoutes,
    webhookRoutes,
    gossipRoutes,
  ])
    app.route('/v1', routes(context));

  describe(app);
  app.notFound((c) =>
    answerWith(
      c,
      new PortolanError(
        'not-found',
        `there is nothing at ${c.req.method} ${c.req.path}; /reference shows what is`,
      ).toProblem(),
    ),
  );
  app.onError((error, c) => {
    const denied = error instanceof PortolanError && error.code === 'forbidden' && c.get('principal') !== undefined;
    if (denied) audit.refused(callerOf(c), `${c.req.method} ${c.req.path}: ${error.message}`);
    return problemAnswer(error, c, logger);
  });
  return app;

  function isPage({ req }: HonoContext<Env>): boolean {
    if (dashboard === undefined || OPEN.has(req.path)) return false;
    return isDashboardPath(req.path) || isLostReader(req.method, req.path, req.header('accept'));
  }

  /** Looks at the token first: whoever has a good one is no stranger. @returns nothing for a stranger at an open route */
  function admitted(c: HonoContext<Env>): Principal | undefined {
    const authorization = c.req.header('authorization');
    const { path } = c.req;
    const open = OPEN.has(path);
    if (open && authorization === undefined) {
      if (!COUNT_THEMSELVES.has(path)) countStranger(rates.strangers, c, path);
      return undefined;
    }
    try {
      return gate.check(authorization);
    } catch (error) {
      countStranger(rates.strangers, c, 'refused');
      if (!open) throw error;
      return undefined;
    }
  }
}

function describe(app: OpenAPIHono<Env>): void {
  const { openAPIRegistry: registry } = app;
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: '`portolan token show` prints the token.',
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/stream',
    tags: ['Changes'],
    summary: 'The live stream, as a WebSocket',
    description:
      'Text frames, each one JSON object: the client sends `ClientFrame`s, the coordinator `ServerFrame`s. ' +
      'A client that cannot set the header says its token in the first frame. ' +
      'With `?readiness=true` frames of the type `readiness` are among them.',
    security: [{ bearer: [] }, {}],
    responses: {
      101: {
        description: 'Switching to WebSocket. These are the frames, of both sides.',
        content: { 'application/json': { schema: z.union([ClientFrame, ServerFrame]) } },
      },
    },
  });
  // Made once: it takes as long as hundreds of other answers, and anybody may ask for it.
  let document: string | undefined;
  app.get('/v1/openapi.json', (c) => {
    document ??= JSON.stringify(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Portolan',
          version: '1',
          description: 'A fleet-wide port registry: every port in the fleet has one owner.',
        },
        servers: [{ url: '/' }],
      }),
    );
    return c.body(document, 200, { 'content-type': 'application/json' });
  });
}
