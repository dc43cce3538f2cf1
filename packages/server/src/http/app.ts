import { OpenAPIHono, z } from '@hono/zod-openapi';
import { ClientFrame, PortolanError, ServerFrame, TIMEOUT_HEADER } from '@portolan/model';
import type { Context as HonoContext } from 'hono';
import { cors } from 'hono/cors';
import { routePath } from 'hono/route';
import type { Principal } from '../access/principal.ts';
import { accessRoutes } from './access.ts';
import { aliasRoutes } from './aliases.ts';
import { assignmentRoutes } from './assignments.ts';
import { limitBody, shareBodies } from './body-limit.ts';
import { changeRoutes } from './changes.ts';
import { addressOf, type Context, callerOf, type Env, senderOf } from './context.ts';
import { dashboardRoutes, isDashboardPath } from './dashboard.ts';
import { findingRoutes } from './findings.ts';
import { gossipRoutes } from './gossip.ts';
import { hostRoutes } from './hosts.ts';
import { loginRoutes } from './logins.ts';
import { mcpRoutes } from './mcp.ts';
import { operationRoutes, referenceRoutes } from './operations.ts';
import { planRoutes } from './plans.ts';
import { portRoutes } from './ports.ts';
import { answerWith, problemAnswer } from './problems.ts';
import { processRoutes } from './processes.ts';
import { statusRoutes } from './status.ts';
import { streamRoute } from './stream.ts';
import { webhookRoutes } from './webhooks.ts';

/** Reachable without a token. Everything else is behind the gate, whatever is added later. */
const OPEN = new Set([
  '/livez',
  '/readyz',
  '/metrics',
  '/reference',
  '/v1/openapi.json',
  '/v1/stream',
  '/v1/logins/redeem',
]);

export interface AppOptions {
  /** Pages of these origins may read, too. */
  readonly origins: readonly string[];
  /** Where the built dashboard lies; without it there is none. */
  readonly dashboard?: URL | undefined;
}

/** All routes of a coordinator behind one gate. */
export function createApp(context: Context, { origins, dashboard }: AppOptions) {
  const { audit, gate, logger, metrics, names, rates } = context;
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
    const { path } = c.req;
    // The stream takes its token from the header or from the first frame.
    if (isOpen(path)) admitStranger(c);
    else {
      const principal = admitted(c);
      c.set('principal', principal);
      // An admin's token can do all harm there is; to slow it down would protect nothing.
      if (principal.role !== 'admin') hold(rates.requests.take(principal.id, performance.now()));
    }
    return next();
  });
  app.use((c, next) => {
    c.set('sender', senderOf(c));
    return next();
  });
  app.use(limitBody());
  app.use(shareBodies());

  app.route('/', operationRoutes(context));
  app.route('/', referenceRoutes());
  app.route('/', mcpRoutes(app.fetch));
  if (dashboard) app.route('/', dashboardRoutes(dashboard));
  app.route('/v1', streamRoute(context));
  for (const routes of [
    accessRoutes,
    loginRoutes,
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

  function isOpen(path: string): boolean {
    if (OPEN.has(path) || path.startsWith('/reference/')) return true;
    return dashboard !== undefined && isDashboardPath(path);
  }

  function admitted(c: HonoContext<Env>): Principal {
    try {
      return gate.check(c.req.header('authorization'));
    } catch (error) {
      admitStranger(c);
      throw error;
    }
  }

  function admitStranger(c: HonoContext<Env>): void {
    hold(rates.strangers.take(addressOf(c) ?? '', performance.now()));
  }
}

/** @param wait seconds, 0 for none @throws PortolanError `too-many` */
function hold(wait: number): void {
  if (wait === 0) return;
  const retryAfter = Math.max(1, Math.ceil(wait));
  throw new PortolanError('too-many', `there are too many requests; try again in ${retryAfter} s`, { retryAfter });
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
      'A client that cannot set the header says its token in the first frame.',
    security: [{ bearer: [] }, {}],
    responses: {
      101: {
        description: 'Switching to WebSocket. These are the frames, of both sides.',
        content: { 'application/json': { schema: z.union([ClientFrame, ServerFrame]) } },
      },
    },
  });
  app.doc31('/v1/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Portolan',
      version: '1',
      description: 'A fleet-wide port registry: every port in the fleet has one owner.',
    },
    servers: [{ url: '/' }],
  });
}
