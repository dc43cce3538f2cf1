import { PortolanError, type Problem } from '@portolan/model';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { Env } from './context.ts';

/** The one place where errors become answers: RFC 9457 problem details. */
export function problemAnswer(error: unknown, c: Context<Env>, logger: Logger): Response {
  const known = error instanceof PortolanError ? error : undefined;
  if (!known) logger.error({ err: error, method: c.req.method, path: c.req.path }, 'a request failed unexpectedly');
  const problem = (
    known ?? new PortolanError('internal', 'the coordinator made an error; its log says more')
  ).toProblem();
  return answerWith(c, isOfService(problem) ? { ...problem, mayHaveBeenDone: mayHaveBeenDone(problem, c) } : problem);
}

/** Whether it says something of the coordinator, not of the request. */
function isOfService({ status }: Problem): boolean {
  return status === 408 || status >= 500;
}

function mayHaveBeenDone(problem: Problem, c: Context<Env>): boolean {
  return problem.mayHaveBeenDone === true || c.get('sender')?.begun === true;
}

export function answerWith(c: Context, problem: Problem): Response {
  if (problem.status === 401) c.header('www-authenticate', 'Bearer realm="portolan"');
  if (problem.status === 503) c.header('retry-after', '1');
  if (problem.code === 'too-many' && typeof problem.retryAfter === 'number') {
    c.header('retry-after', String(problem.retryAfter));
  }
  return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
  });
}

/** @param where the input stood   @param names of what was parsed, above the paths of the issues */
export function invalid(
  where: 'body' | 'query' | 'param' | 'header',
  issues: readonly z.core.$ZodIssue[],
  ...names: readonly string[]
): PortolanError {
  const told = issues.slice(0, 10).map(({ path, message }) => ({ at: [where, ...names, ...path].join('.'), message }));
  return new PortolanError('invalid-request', told.map(({ at, message }) => `${at}: ${message}`).join('; '), {
    issues: told,
  });
}
