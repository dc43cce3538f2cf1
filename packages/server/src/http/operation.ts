import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import {
  type AuditAction,
  boundJson,
  type Fleet,
  HIGHEST_PORT,
  Port,
  PortolanError,
  Position,
  Problem,
  plainIssue,
  RequestTimeout,
  type Role,
  revisionOf,
  TIMEOUT_HEADER,
} from '@portolan/model';
import type { Context as HonoContext } from 'hono';
import { acting } from '../access/act.ts';
import { checkRole, checkScope, type Scope } from '../access/bounds.ts';
import { onBehalfOf } from '../access/sender.ts';
import { lostCommit } from '../replica.ts';
import { bodyBounds } from './body-limit.ts';
import { type Context, callerOf, type Env } from './context.ts';
import { invalid } from './problems.ts';

/** What the OpenAPI document shows of an operation, and how its input is checked. */
interface Described {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With parameters as OpenAPI writes them: `/hosts/{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The roles that may do it; `anybody`: the gate lets it through without a token. */
  readonly allow: readonly Role[] | 'anybody';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answer: z.ZodType;
  /** Other media types that it answers with when asked, with what they hold. */
  readonly also?: Readonly<Record<string, string>>;
}

interface Operation<A extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType, R extends z.ZodType>
  extends Described {
  readonly params?: A;
  readonly query?: Q;
  readonly body?: B;
  readonly answer: R;
  /** What the request says that it is about: a token that is bound to something else is refused before anything is done. */
  readonly scope?: (input: { readonly params: z.output<A>; readonly body: z.output<B> }) => Scope;
  /** The same, as far as the path says it: such a token is refused before the body is read. */
  readonly place?: (params: z.output<A>) => Scope;
  /** What it is in the audit trail, if it belongs there. */
  readonly act?: AuditAction;
  /** Whom the request names as asking, for the audit trail. */
  readonly holder?: (body: z.output<B>) => string | undefined;
  /** Whether success means that something was made anew: 201 instead of 200. */
  readonly created?: (answer: z.input<R>) => boolean;
  /** @returns the answer, or a `Response` that is something else than JSON */
  run(
    input: { readonly params: z.output<A>; readonly query: z.output<Q>; readonly body: z.output<B> },
    c: HonoContext,
  ): Promise<z.input<R> | Response> | z.input<R>;
}

/** Adds operations to the app that it makes, and to the document of that app. */
export function operations(): {
  readonly app: OpenAPIHono<Env>;
  add<
    R extends z.ZodType,
    B extends z.ZodType = z.ZodType<undefined>,
    Q extends z.ZodObject = z.ZodObject,
    A extends z.ZodObject = z.ZodObject,
  >(operation: Operation<A, Q, B, R>): void;
} {
  const app = new OpenAPIHono<Env>();
  return {
    app,
    add(operation) {
      const { method, path, params, query, body, created, run, allow, place, scope, act: action, holder } = operation;
      app.openAPIRegistry.registerPath(documented(operation, created !== undefined));
      app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), async (c) => {
        const caller = callerOf(c);
        if (allow !== 'anybody') checkRole(caller.principal, allow);
        const named = (params ? parsed('param', params, c.req.param()) : {}) as Parameters<typeof run>[0]['params'];
        if (place) checkScope(caller.principal, place(named));
        const input = {
          params: named,
          query: query ? parsed('query', query, singles(c.req.queries())) : {},
          body: body ? parsed('body', body, await json(c)) : undefined,
        };
        const typed = input as Parameters<typeof run>[0];
        if (scope) checkScope(caller.principal, scope(typed));
        const act = { ...caller, action, holder: holder?.(typed.body) };
        const answer = await onBehalfOf(c.get('sender'), () =>
          allow === 'anybody' ? run(typed, c) : acting(act, () => run(typed, c)),
        );
        return answer instanceof Response ? answer : c.json(answer as object, created?.(answer) ? 201 : 200);
      });
    },
  };
}

/** A port in a path or query. */
export const PortText = z.coerce.number().pipe(Port).openapi({ type: 'integer', minimum: 0, maximum: HIGHEST_PORT });

/** For whoever only wants the test: what it is promised is not tied to the host. */
export const ProbeOn = z
  .string()
  .max(255)
  .optional()
  .openapi({ description: 'Id or name of the host whose agent tests that the ports can be bound.' });

/** What every list takes. */
export const Paging = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(1_000)
    .openapi({ description: 'How many entries at most.' }),
  after: z.string().max(512).optional().openapi({ description: 'The `next` of the page before.' }),
});

/** What every read takes. */
export const Consistency = z.object({
  consistent: z
    .enum(['true', 'false'])
    .default('false')
    .openapi({ description: 'With `true` the answer holds everything that was acknowledged before the request.' }),
  position: Position.optional().openapi({
    description: 'Waits until this position is reached: what an own write answered.',
  }),
});

/** @returns what gives the fleet as a reader wants it */
export function reader({ executor, replica }: Context): (wanted: z.infer<typeof Consistency>) => Promise<Fleet> {
  return async ({ consistent, position }) => {
    if (consistent === 'true') await executor.catchUp();
    if (position !== undefined && !replica.has(position)) {
      // What lies beyond the store's head was answered to nobody: whoever made it up, or got it of a history that is
      // lost, would wait for nothing.
      await executor.catchUp();
      if (revisionOf(position) > revisionOf(executor.fleet.position)) throw lostCommit(position);
      await replica.reached(position);
    }
    return executor.fleet;
  };
}

function parsed<S extends z.ZodType>(where: 'param' | 'query' | 'body', schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value, { error: plainIssue });
  if (!result.success) throw invalid(where, result.error.issues);
  return result.data;
}

/** Browsers send other types across origins without asking, so JSON has to be named. */
async function json(c: HonoContext<Env>): Promise<unknown> {
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/json\b/i.test(type)) {
    const told = type === '' ? 'none was given' : `it is ${type.slice(0, 100)}`;
    throw new PortolanError(
      'invalid-request',
      `the body has to be JSON with "content-type: application/json"; ${told}`,
    );
  }
  let text: string;
  try {
    text = await c.req.text();
  } catch (error) {
    // A body that ends in the middle is no defect of ours.
    c.get('sender').insistOnWaiting();
    throw error;
  }
  boundJson(text, bodyBounds(c.req.path));
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new PortolanError('invalid-request', `the body is not valid JSON: ${error.message}`);
  }
}

function singles(queries: Record<string, string[]>): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(queries).map(([name, all]) => [name, all.length === 1 ? all[0]! : all]));
}

function documented(operation: Described, created: boolean) {
  const { method, path, tag, summary, description = '', allow, params, query, body, answer, also = {} } = operation;
  const texts = Object.entries(also).map(([type, description]) => [
    type,
    { schema: z.string().openapi({ description }) },
  ]);
  const content = { 'application/json': { schema: answer }, ...Object.fromEntries(texts) };
  return createRoute({
    method,
    path,
    tags: [tag],
    summary,
    description: allow === 'anybody' ? description : `${description}\n\nFor the roles ${allow.join(', ')}.`.trim(),
    security: allow === 'anybody' ? [] : [{ bearer: [] }],
    request: {
      ...(params && { params }),
      ...(query && { query }),
      headers: z.object({ [TIMEOUT_HEADER]: RequestTimeout.optional() }),
      ...(body && { body: { required: true, content: { 'application/json': { schema: body } } } }),
    },
    responses: {
      200: { description: 'Done.', content },
      ...(created && { 201: { description: 'Made anew.', content } }),
      default: {
        description: 'What went wrong, and what to do (RFC 9457).',
        content: { 'application/problem+json': { schema: Problem } },
      },
    },
  });
}
