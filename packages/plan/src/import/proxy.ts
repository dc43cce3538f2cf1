import type { Fact, NameHint } from '../fact.ts';
import { addressesIn, isHealthPath, namesOfHost, scopeOf } from './address-text.ts';
import type { Importer, Surroundings } from './importer.ts';
import { isMounted } from './mounted.ts';
import { portOf } from './port-number.ts';
import type { SourceFile } from './source-file.ts';

/** nginx: `listen`, and the upstreams that it leads to. */
export const nginx: Importer = {
  name: 'nginx',
  matches: (path) =>
    /(?:^|\/)(?:[\w.-]*nginx[\w.-]*\.(?:conf|template)|[\w.-]+\.nginx)$|(?:^|\/)(?:nginx|conf\.d|sites-(?:available|enabled))\/[\w./-]*$/i.test(
      path,
    ) && !/\.(?:md|ya?ml|json|html|sh|js|ts|crt|key|pem)$/i.test(path),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...nginxDirectives(file, around)], notes: [] }),
};

/** A Caddyfile: site addresses, and where `reverse_proxy` leads. */
export const caddy: Importer = {
  name: 'caddy',
  matches: (path) => /(?:^|\/)(?:Caddyfile(?:\.[\w-]+)?|[\w.-]+\.caddy(?:file)?)$/i.test(path),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...caddyDirectives(file, around)], notes: [] }),
};

/** The configuration of a Cloudflare tunnel: `service: http://localhost:3001` under `ingress`. */
export const cloudflared: Importer = {
  name: 'cloudflared',
  matches: (path) => /(?:^|\/)(?:[\w.-]*cloudflared?[\w.-]*\.ya?ml|\.?cloudflared\/[\w.-]+\.ya?ml)$/i.test(path),
  sizeMax: 1 << 20,
  read: (file) => ({ facts: [...tunnels(file)], notes: [] }),
};

function* nginxDirectives(file: SourceFile, around: Surroundings): Generator<Fact> {
  let upstream: string | undefined;
  const home = around.home(file.directory);
  const own: NameHint[] = home === undefined || home === '.' ? [] : [{ name: home, from: 'directory' }];
  for (const { text, offset } of file.lines()) {
    if (text.length > 5000) continue;
    const line = text.replace(/#.*$/, '');
    const block = /^\s*upstream\s+([\w.-]{1,200})/.exec(line);
    if (block) upstream = block[1];
    const server = /\bserver\s+([\w.-]{1,253}|\[[0-9a-f:]{2,45}\]):(\d{2,5})\b/i.exec(line);
    if (server && upstream !== undefined) {
      const [whole, host = '', digits = ''] = server;
      const port = portOf(digits);
      const at = offset + server.index + whole.length - digits.length;
      if (port !== undefined) {
        yield refers(
          file,
          at,
          digits,
          host,
          port,
          [...namesOfHost(host, 'upstream'), { name: upstream, from: 'upstream' }],
          'nginx',
        );
      }
    }
    for (const { host, port, offset: at, length, url, path } of /_pass\b|\bset\s/.test(line) ? addressesIn(line) : []) {
      yield {
        ...refers(file, offset + at, line.slice(at, at + length), host, port, namesOfHost(host, 'upstream'), 'nginx'),
        ...(url ? { url } : {}),
        health: isHealthPath(path),
      } as Fact;
    }
    const bare = /_pass\s+([\w.-]{1,253}):(\d{2,5})\s*;/.exec(line);
    if (bare) {
      const port = portOf(bare[2]!);
      const at = offset + bare.index + bare[0].lastIndexOf(bare[2]!);
      if (port !== undefined)
        yield refers(file, at, bare[2]!, bare[1]!, port, namesOfHost(bare[1]!, 'upstream'), 'nginx');
    }
    const listen = /\blisten\s+((?:[\d.]{7,15}:|\*:|\[[0-9a-f:]*\]:)?)(\d{2,5})\b/i.exec(line);
    const port = portOf(listen?.[2] ?? '');
    if (listen && port !== undefined) {
      const at = offset + listen.index + listen[0].length - listen[2]!.length;
      const shared = {
        importer: 'nginx',
        port,
        protocol: 'tcp' as const,
        place: file.place(at, listen[2]!.length),
        names: own,
      };
      // nginx beside a Dockerfile is what is in its image.
      const inImage = own.length > 0 && around.has(`${home}/Dockerfile`);
      if (inImage || isMounted(file.path, around)) yield { kind: 'internal', ...shared, sure: 'certain' };
      else
        yield {
          kind: 'binds',
          by: 'flag',
          ...shared,
          sure: 'unsure',
          why: 'whether this nginx runs in a container is not known',
        };
    }
    if (line.includes('}')) upstream = undefined;
  }
}

function* caddyDirectives(file: SourceFile, around: Surroundings): Generator<Fact> {
  let depth = 0;
  let site: string | undefined;
  const home = around.home(file.directory);
  for (const { text, offset } of file.lines()) {
    if (text.length > 5000) continue;
    const line = text.replace(/(?:^|\s)#.*$/, (comment) => ' '.repeat(comment.length));
    if (depth === 0) {
      const head = /^\s*([^\s{][^{]{0,500})\{\s*$/.exec(line);
      if (head) site = /^(?:https?:\/\/)?([a-z][a-z0-9-]{0,62})\./i.exec(head[1]!)?.[1];
      const bind = /^\s*(?:https?:\/\/)?((?:localhost|[\d.]{7,15})?:)(\d{2,5})\b/.exec(line);
      const port = portOf(bind?.[2] ?? '');
      if (bind && port !== undefined) {
        const at = offset + bind[0].length - bind[2]!.length;
        const about = {
          importer: 'caddy',
          port,
          protocol: 'tcp' as const,
          place: file.place(at, bind[2]!.length),
          names: home === undefined || home === '.' ? [] : [{ name: home, from: 'directory' as const }],
        };
        if (isMounted(file.path, around)) yield { kind: 'internal', ...about, sure: 'certain' };
        else {
          const why = 'whether this Caddy runs in a container is not known';
          yield { kind: 'binds', by: 'flag', ...about, sure: 'unsure', why };
        }
      }
    } else if (/^\s*(?:reverse_proxy|to|php_fastcgi|forward_auth)\b/.test(line)) {
      for (const match of line.matchAll(
        /(?<![\w.:])(?:(?:h2c|https?):\/\/)?([a-z0-9_][\w.-]{0,252}|\[[0-9a-f:]{2,45}\])?:(\d{2,5})(?![\w.])/gi,
      )) {
        const [whole, host = 'localhost', digits = ''] = match;
        const port = portOf(digits);
        if (port === undefined) continue;
        const at = offset + match.index + whole.length - digits.length;
        const names = namesOfHost(host, 'upstream');
        if (site && scopeOf(host) === 'host') names.push({ name: site, from: 'upstream' });
        yield refers(file, at, digits, host, port, names, 'caddy');
      }
    }
    for (const character of line) depth += character === '{' ? 1 : character === '}' ? -1 : 0;
    if (depth < 0) depth = 0;
  }
}

function* tunnels(file: SourceFile): Generator<Fact> {
  let site: string | undefined;
  for (const { text, offset } of file.lines()) {
    if (text.length > 5000) continue;
    const hostname = /^\s*-?\s*hostname:\s*["']?([a-z][a-z0-9-]{0,62})\./i.exec(text);
    if (hostname) site = hostname[1];
    if (!/^\s*-?\s*service:/.test(text)) continue;
    for (const { host, port, offset: at, length, url } of addressesIn(text)) {
      const names = namesOfHost(host, 'upstream');
      if (site && scopeOf(host) === 'host') names.push({ name: site, from: 'upstream' });
      yield {
        ...refers(file, offset + at, text.slice(at, at + length), host, port, names, 'cloudflared'),
        ...(url ? { url } : {}),
      } as Fact;
    }
    site = undefined;
  }
}

function refers(
  file: SourceFile,
  offset: number,
  digits: string,
  host: string,
  port: number,
  names: NameHint[],
  importer: string,
): Fact {
  return {
    kind: 'refers',
    importer,
    port,
    protocol: 'tcp',
    place: file.place(offset, digits.length),
    names,
    host,
    scope: scopeOf(host),
    sure: 'certain',
  };
}
