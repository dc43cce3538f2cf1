import { readFile } from 'node:fs/promises';
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

const assets: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** The reference page: what the API takes and gives, to read and to try. Everything comes from here. */
export function referenceRoutes() {
  const app = new Hono();
  const directory = new URL('.', import.meta.resolve('swagger-ui-dist/swagger-ui.css'));
  app.get('/reference', (c) => {
    c.header(
      'content-security-policy',
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    );
    return c.html(page);
  });
  app.get('/reference/setup.js', (c) => c.body(setup, 200, { 'content-type': 'text/javascript; charset=utf-8' }));
  for (const [asset, type] of Object.entries(assets)) {
    let contents: Promise<Uint8Array<ArrayBuffer>> | undefined;
    app.get(`/reference/${asset}`, async (c) =>
      c.body(await (contents ??= readFile(new URL(asset, directory)).then((read) => new Uint8Array(read))), 200, {
        'content-type': type,
        'cache-control': 'max-age=3600',
      }),
    );
  }
  return app;
}

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Portolan API</title>
<link rel="stylesheet" href="/reference/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/reference/swagger-ui-bundle.js"></script>
<script src="/reference/setup.js"></script>
</body>
</html>
`;

const setup = `SwaggerUIBundle({ url: '/v1/openapi.json', dom_id: '#reference', deepLinking: true, docExpansion: 'list' });\n`;
