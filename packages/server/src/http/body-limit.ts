import { PortolanError } from '@portolan/model';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { accountOf } from '../access/principal.ts';
import { Share } from '../share.ts';
import { tooMany } from '../too-many.ts';
import { addressOf, type Env } from './context.ts';

/** What a route takes. */
export interface BodyBounds {
  readonly bytes: number;
  /** See `JsonBounds`. A full report has 2,000 listeners of some 30 members, a plan 2,000 endpoints. */
  readonly values: number;
}

const USUAL: BodyBounds = { bytes: 64 * 1024, values: 10_000 };
const REPORT: BodyBounds = { bytes: 4 * 1024 * 1024, values: 100_000 };
const PLAN: BodyBounds = { bytes: 2 * 1024 * 1024, values: 200_000 };

/** Of the bodies that are being worked on at once, for one token with its logins: what they cost in memory is some ten times as much. */
const UNDER_WAY_BYTES = 16 * 1024 * 1024;
/** An agent sends one report after the other; a second one may have overtaken an answer that got lost. */
const REPORTS_UNDER_WAY = 2;

export function bodyBounds(path: string): BodyBounds {
  if (isReport(path)) return REPORT;
  return path.startsWith('/v1/plans/') ? PLAN : USUAL;
}

/** Refuses a body that is too large before it is read. */
export function limitBody(): MiddlewareHandler {
  const tooLarge = (limit: number) => () => {
    throw new PortolanError('too-large', `the body is larger than the ${limit / 1024} KiB that this route takes`, {
      limit,
    });
  };
  return (c, next) => {
    const limit = bodyBounds(c.req.path).bytes;
    const length = c.req.header('content-length');
    // Node cuts a body at its announced length, so there is no need to read it twice. One without is counted.
    if (length === undefined || c.req.header('transfer-encoding') !== undefined) {
      return c.req.method === 'GET' ? next() : bodyLimit({ maxSize: limit, onError: tooLarge(limit) })(c, next);
    }
    if (Number(length) > limit) tooLarge(limit)();
    return next();
  };
}

/**
 * Refuses a body while others of the same token are being worked on, and reports of a host that it sent: before it is read,
 * too. What counts is who sends it: anybody can name a host and then say no more.
 */
export function shareBodies(): MiddlewareHandler<Env> {
  const bytes = new Share(UNDER_WAY_BYTES);
  const reports = new Share(REPORTS_UNDER_WAY);
  return async (c, next) => {
    if (c.req.method === 'GET') return next();
    const { path } = c.req;
    const principal = c.get('principal');
    const who = principal ? accountOf(principal) : `stranger ${addressOf(c)}`;
    const host = isReport(path) ? `${who} ${path}` : undefined;
    const length = Number(c.req.header('content-length') ?? bodyBounds(path).bytes);
    if (!bytes.take(who, length)) throw tooMany('this token has too much under way at once');
    if (host !== undefined && !reports.take(host, 1)) {
      bytes.give(who, length);
      throw tooMany('reports of this host are still being worked on');
    }
    try {
      await next();
    } finally {
      bytes.give(who, length);
      if (host !== undefined) reports.give(host, 1);
    }
  };
}

function isReport(path: string): boolean {
  return path.endsWith('/report');
}
