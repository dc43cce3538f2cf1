import { issueClause, PortolanError, type Problem } from '@portolan/model';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { Env } from './context.ts';

/** Of a problem as it is sent. */
const PROBLEM_BYTES_MAX = 4_000;
/** What a plan collides with is worth as much as the plan. */
const PLAN_PROBLEM_BYTES_MAX = 1_000_000;
/** Characters */
const DETAIL_MAX = 500;
const PLACE_MAX = 80;
const MESSAGE_MAX = 300;
const NAME_MAX = 40;
/** Issues of one input, and keys of one issue, that are named. */
const ISSUES_MAX = 10;
const KEYS_MAX = 5;

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
  return c.body(JSON.stringify(briefly(problem)), problem.status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
  });
}

/** The same in so many bytes at most: whatever came in, and is told of, the answer is small. */
function briefly(problem: Problem): Problem {
  const bytesMax = problem.code.startsWith('plan-') ? PLAN_PROBLEM_BYTES_MAX : PROBLEM_BYTES_MAX;
  if (bytesOf(problem) <= bytesMax) return problem;
  const { type, title, status, detail, code, ...data } = problem;
  const brief: Problem = { type, title, status, detail: clipped(detail, DETAIL_MAX), code };
  for (const [name, value] of Object.entries(data)) {
    brief[name] = value;
    // Of a list that is too long the beginning says most.
    for (let most = value; Array.isArray(most) && most.length > 0 && bytesOf(brief) > bytesMax; ) {
      most = most.slice(0, Math.floor(most.length / 2));
      brief[name] = most;
    }
    if (bytesOf(brief) > bytesMax) delete brief[name];
  }
  return brief;
}

function bytesOf(problem: Problem): number {
  return Buffer.byteLength(JSON.stringify(problem));
}

/** @param where the input stood   @param names of what was parsed, above the paths of the issues */
export function invalid(
  where: 'body' | 'query' | 'param' | 'header',
  issues: readonly z.core.$ZodIssue[],
  ...names: readonly string[]
): PortolanError {
  const told = issues.slice(0, ISSUES_MAX).map((issue) => ({
    at: clipped([where, ...names, ...issue.path].join('.'), PLACE_MAX),
    message: clipped(messageOf(issue), MESSAGE_MAX),
  }));
  const more = issues.length > told.length ? [`and ${issues.length - told.length} more`] : [];
  // Where it stood is in `issues`; a sentence needs the name alone.
  const texts = told.map(({ at, message }) => {
    const name = at.replace(/^(body|query|param|header)\./, '');
    return issueClause(/^(must|is) /.test(message) ? name : at, message);
  });
  return new PortolanError('invalid-request', [...texts, ...more].join('; '), { issues: told });
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys' || issue.keys.length <= KEYS_MAX) return issue.message;
  const named = issue.keys.slice(0, KEYS_MAX).map((name) => JSON.stringify(clipped(name, NAME_MAX)));
  return `Unrecognized keys: ${named.join(', ')} and ${issue.keys.length - named.length} more`;
}

function clipped(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
