import { OpenAPIHono, z } from '@hono/zod-openapi';
import { ClientFrame, PortolanError, ServerFrame } from '@portolan/model';
import { routePath } from 'hono/route';
import { assignmentRoutes } from './assignments.ts';
import { limitBody } from './body-limit.ts';
import { changeRoutes } from './changes.ts';
import type { Context } from './context.ts';
import { findingRoutes } from './findings.ts';
import { hostRoutes } from './hosts.ts';
import { operationRoutes, referenceRoutes } from './operations.ts';
import { portRoutes } from './ports.ts';
import { answerWith, problemAnswer } from './problems.ts';
import { streamRoute } from './stream.ts';

const BODY_MAX = 64 * 1024;
const REPORT_BODY_MAX = 4 * 1024 * 1024;

/** Reachable without a token. Everything else is behind the gate, whatever is added later. */
const OPEN = new Set(['/livez', '/readyz', '/metrics', '/reference', '/v1/openapi.json', '/v1/stream']);

/** All routes of a coordinator behind one gate. */
export function createApp(context: Context) {
  const { gate, logger, metrics } = context;
  const app = new OpenAPIHono();

  app.use(async (c, next) => {
    const started = performance.now();
    await next();
    metrics.observeRequest(c.req.method, routePath(c, -1), c.res.status, (performance.now() - started) / 1000);
  });
  app.use((c, next) => {
    const { path } = c.req;
    // The stream takes its token from the header or from the first frame.
    if (!OPEN.has(path) && !path.startsWith('/reference/')) gate.check(c.req.header('authorization'));
    return next();
  });
  app.use(limitBody((path) => (path.endsWith('/report') ? REPORT_BODY_MAX : BODY_MAX)));

  app.route('/', operationRoutes(context));
  app.route('/', referenceRoutes());
  app.route('/v1', streamRoute(context));
  for (const routes of [assignmentRoutes, portRoutes, hostRoutes, findingRoutes, changeRoutes])
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
  app.onError((error, c) => problemAnswer(error, c, logger));
  return app;
}

function describe(app: OpenAPIHono): void {
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
