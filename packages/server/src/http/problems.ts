import { PortolanError, type Problem } from '@portolan/model';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import type { z } from 'zod';

/** The one place where errors become answers: RFC 9457 problem details. */
export function problemAnswer(error: unknown, c: Context, logger: Logger): Response {
  const known = toPortolanError(error);
  if (!known) logger.error({ err: error, method: c.req.method, path: c.req.path }, 'a request failed unexpectedly');
  const problem = (
    known ?? new PortolanError('internal', 'the coordinator made an error; its log says more')
  ).toProblem();
  return answerWith(c, problem);
}

export function answerWith(c: Context, problem: Problem): Response {
  if (problem.status === 401) c.header('www-authenticate', 'Bearer realm="portolan"');
  if (problem.status === 503) c.header('retry-after', '1');
  return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
  });
}

function toPortolanError(error: unknown): PortolanError | undefined {
  if (error instanceof PortolanError) return error;
  if (!(error instanceof HTTPException)) return undefined;
  if (error.status === 413) return new PortolanError('too-large', 'the body is larger than this route takes');
  if (error.status === 400) return new PortolanError('invalid-request', error.message || 'the body is not valid JSON');
  return undefined;
}

/** @param target where the input stood: `json`, `query`, `param` */
export function invalid(target: string, issues: readonly z.core.$ZodIssue[]): PortolanError {
  const where = target === 'json' ? 'body' : target;
  const told = issues.slice(0, 10).map(({ path, message }) => ({ at: [where, ...path].join('.'), message }));
  return new PortolanError('invalid-request', told.map(({ at, message }) => `${at}: ${message}`).join('; '), {
    issues: told,
  });
}
