import { PortolanError } from '@portolan/model';
import { Hono } from 'hono';
import type { Context } from './context.ts';

/** How long the store may take for the commit that proves readiness, ms. */
const READY_WITHIN = 1_000;

/** Health and metrics: for machines, so without a token; they tell nothing of the fleet but counts. */
export function operationRoutes({ executor, metrics, serving }: Context) {
  const app = new Hono();
  // Never looks at the store: a restart of this process would not mend that.
  app.get('/livez', (c) => c.text('ok'));
  app.get('/readyz', async (c) => {
    if (!serving()) throw new PortolanError('not-ready', 'this coordinator is stopping');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new PortolanError('not-ready', `the store took more than ${READY_WITHIN} ms for an empty commit`)),
        READY_WITHIN,
      );
    });
    await Promise.race([executor.catchUp(), late]).finally(() => clearTimeout(timer));
    return c.text('ok');
  });
  app.get('/metrics', async (c) =>
    c.text(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType }),
  );
  return app;
}
