import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { Position, Problem } from '@portolan/model';
import type { Executor } from '../executor.ts';
import type { Fleet } from '../fleet.ts';
import { invalid } from './problems.ts';

/** A router whose invalid inputs all become one kind of problem. */
export function router(): OpenAPIHono {
  return new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.target, result.error.issues);
    },
  });
}

interface RouteParts<
  P extends string,
  B extends z.ZodType,
  Q extends z.ZodObject,
  A extends z.ZodObject,
  R extends z.ZodType,
> {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  readonly path: P;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: A;
  readonly query?: Q;
  readonly body?: B;
  readonly answer: R;
  /** When success is another status than 200; the answer's shape is the same. */
  readonly created?: boolean;
}

/** A route as the OpenAPI document shows it and as its input is checked. */
export function route<
  P extends string,
  R extends z.ZodType,
  B extends z.ZodType = z.ZodType<undefined>,
  Q extends z.ZodObject = z.ZodObject,
  A extends z.ZodObject = z.ZodObject,
>(parts: RouteParts<P, B, Q, A, R>) {
  const content = { 'application/json': { schema: parts.answer } };
  return createRoute({
    method: parts.method,
    path: parts.path,
    tags: [parts.tag],
    summary: parts.summary,
    ...(parts.description !== undefined && { description: parts.description }),
    security: [{ bearer: [] }],
    request: {
      ...(parts.params && { params: parts.params }),
      ...(parts.query && { query: parts.query }),
      ...(parts.body && { body: { required: true, content: { 'application/json': { schema: parts.body } } } }),
    } as { params: A; query: Q; body: { required: true; content: { 'application/json': { schema: B } } } },
    responses: {
      200: { description: 'Done.', content },
      ...(parts.created && { 201: { description: 'Made anew.', content } }),
      default: {
        description: 'What went wrong, and what to do (RFC 9457).',
        content: { 'application/problem+json': { schema: Problem } },
      },
    } as { 200: { description: string; content: { 'application/json': { schema: R } } } },
  });
}

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

/** Brings the replica to where a reader wants it. */
export async function readable(
  executor: Executor,
  reached: (position: string) => Promise<void>,
  { consistent, position }: z.infer<typeof Consistency>,
): Promise<Fleet> {
  if (consistent === 'true') await executor.catchUp();
  if (position !== undefined) await reached(position);
  return executor.fleet;
}
