import { PortolanError } from '@portolan/model';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';

/** @param of the most bytes that the body of a request may have */
export function limitBody(of: (path: string) => number): MiddlewareHandler {
  const tooLarge = (limit: number) => () => {
    throw new PortolanError('too-large', `the body is larger than the ${limit / 1024} KiB that this route takes`, {
      limit,
    });
  };
  return (c, next) => {
    const limit = of(c.req.path);
    const length = c.req.header('content-length');
    // Node cuts a body at its announced length, so there is no need to read it twice. One without is counted.
    if (length === undefined || c.req.header('transfer-encoding') !== undefined) {
      return c.req.method === 'GET' ? next() : bodyLimit({ maxSize: limit, onError: tooLarge(limit) })(c, next);
    }
    if (Number(length) > limit) tooLarge(limit)();
    return next();
  };
}
