import { mcpOverHttp } from '@portolan/mcp';
import { bearerOf, boundJson } from '@portolan/model';
import { Hono } from 'hono';
import manifest from '../../package.json' with { type: 'json' };
import { bodyBounds } from './body-limit.ts';
import type { Env } from './context.ts';

/**
 * MCP for AI agents. Its tools ask the coordinator's own HTTP interface, with the token of whoever called them: so there is
 * one gate, one set of roles and limits, and one audit trail.
 *
 * @param ask the coordinator's HTTP interface
 */
export function mcpRoutes(ask: (request: Request, bindings: Env['Bindings']) => Response | Promise<Response>) {
  const mcp = mcpOverHttp(manifest.version);
  const app = new Hono<Env>();
  app.all('/mcp', async (c) => {
    const token = bearerOf(c.req.header('authorization')) ?? '';
    const host = c.req.header('host') ?? '';
    const forwarded = c.req.header('x-forwarded-for');
    return mcp.answer(await bounded(c.req.raw), {
      token,
      fetch: async (input, init) => {
        const request = new Request(input, init);
        request.headers.set('host', host);
        if (forwarded !== undefined) request.headers.set('x-forwarded-for', forwarded);
        return ask(request, c.env);
      },
    });
  });
  return app;
}

/** The request with a body that is known not to cost too much to parse. */
async function bounded(request: Request): Promise<Request> {
  if (request.method !== 'POST') return request;
  const { url, method, headers, signal } = request;
  const body = await request.text();
  boundJson(body, bodyBounds(new URL(url).pathname));
  return new Request(url, { method, headers, body, signal });
}
