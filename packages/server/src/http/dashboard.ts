import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { PortolanError } from '@portolan/model';
import { type Context, Hono } from 'hono';

/** The first parts of the paths that the page draws itself. All of them are answered with its one document. */
const VIEWS = new Set([
  '',
  'findings',
  'map',
  'ports',
  'services',
  'hosts',
  'ranges',
  'listeners',
  'graph',
  'reserve',
  'alerts',
]);

const DOCUMENT = 'index.html';
/** The reference of the HTTP interface is a document of its own: it is read without a token, and needs little. */
const REFERENCE = '/reference';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Everything from here, nothing from elsewhere; no script but the files of the page, and no text made into markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS = {
  vary: 'accept-encoding',
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

/** A file of the page as it goes out, by the encodings that a browser may accept. */
interface Served {
  readonly type: string;
  readonly etag: string;
  readonly bodies: Readonly<Record<'br' | 'gzip' | 'identity', Uint8Array<ArrayBuffer>>>;
}

/** Whether this path belongs to the dashboard, and so needs no token: the page asks for it by itself. */
export function isDashboardPath(path: string): boolean {
  return (
    path.startsWith('/assets/') || path === '/favicon.svg' || path === REFERENCE || VIEWS.has(path.split('/')[1] ?? '')
  );
}

/**
 * Whether somebody opened an address in a browser at which there is nothing: the page says so, in its own words. What is below
 * `/v1` is for programs, whatever they accept.
 */
export function isLostReader(method: string, path: string, accept: string | undefined): boolean {
  return method === 'GET' && !path.startsWith('/v1/') && /\btext\/html\b/.test(accept ?? '');
}

/**
 * The dashboard. What lies in `assets/` is named by what is in it, so it may be kept for ever; the document is asked for
 * each time, and is short. All files are read and compressed once, together: so a build under way cannot mix with them.
 *
 * @param directory where the built page lies; when it is not built, a few words say what to do
 */
export function dashboardRoutes(directory: URL) {
  const app = new Hono();
  let site: Promise<ReadonlyMap<string, Served>> | undefined;

  app.get('*', async (c, next) => {
    const { path } = c.req;
    const isLost = !isDashboardPath(path);
    if (isLost && !isLostReader(c.req.method, path, c.req.header('accept'))) return next();
    site ??= load(directory);
    const files = await site;
    if (!files.has(DOCUMENT)) {
      site = undefined;
      return c.text('The dashboard is not built. In a clone of the repository run: npm run build\n', 503);
    }
    if (path.startsWith('/assets/')) {
      const asset = files.get(path.slice(1));
      if (asset) return answer(c, asset, 'public, max-age=31536000, immutable');
      throw new PortolanError('not-found', 'the dashboard has no such file; it was built anew: load the page again');
    }
    const name = path === REFERENCE ? 'reference.html' : path.slice(1);
    const response = answer(c, files.get(name) ?? files.get(DOCUMENT)!, 'no-cache');
    return isLost && response.status === 200
      ? new Response(response.body, { status: 404, headers: response.headers })
      : response;
  });
  return app;
}

function answer(c: Context, { type, etag, bodies }: Served, caching: string): Response {
  const headers = { ...HEADERS, 'content-type': type, 'cache-control': caching, etag };
  if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
  const encoding = (['br', 'gzip'] as const).find((each) => accepts(c, each));
  if (!encoding) return c.body(bodies.identity, 200, headers);
  return c.body(bodies[encoding], 200, { ...headers, 'content-encoding': encoding });
}

async function load(directory: URL): Promise<ReadonlyMap<string, Served>> {
  const root = fileURLToPath(directory);
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const served = paths.map(async (path) => [relative(root, path).replaceAll(sep, '/'), await serve(path)] as const);
  return new Map(await Promise.all(served));
}

async function serve(path: string): Promise<Served> {
  const identity = await readFile(path);
  const [br, gz] = await Promise.all([
    promisify(brotliCompress)(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    promisify(gzip)(identity, { level: 9 }),
  ]);
  return {
    type: TYPES[extname(path)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(identity).digest('base64url')}"`,
    bodies: { br: new Uint8Array(br), gzip: new Uint8Array(gz), identity: new Uint8Array(identity) },
  };
}

function accepts(c: Context, encoding: string): boolean {
  return (c.req.header('accept-encoding') ?? '').split(',').some((each) => each.trim().split(';')[0] === encoding);
}
