import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { PortolanError } from '@portolan/model';

/** Where a Redis is and who asks there, as its URL says. */
export interface RedisAddress {
  /** One server; the primary that sentinels name; the node of a cluster that has the fleet's slot. */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server, the sentinels, or some nodes of the cluster. */
  readonly nodes: readonly RedisNode[];
  readonly user: RedisUser;
  readonly database: number;
  /** What the sentinels call the primary; of a Sentinel address alone. */
  readonly primary?: string;
  readonly sentinelUser?: RedisUser;
  /** Absent: no TLS. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername'>;
}

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** Without a name it is Redis's user `default`, without a password nobody logs in. */
interface RedisUser {
  readonly name?: string;
  readonly password?: string;
}

const FORM = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?]*)@)?([^/?#@]+)(?:\/([^?#@]*))?(?:\?([^#@]*))?$/;
const FORMS =
  'redis://host:6379/0, redis+sentinel://host:26379,host:26379/name/0 or redis+cluster://host:6379,host:6379, each with user:password@ ' +
  'where it is needed, and rediss instead of redis for TLS';
const TLS_PARAMETERS = ['ca', 'cert', 'key', 'servername'];
const SENTINEL_PARAMETERS = ['sentinel-user', 'sentinel-password'];

/**
 * Reads the URL and the files of keys and certificates that it names.
 *
 * @throws PortolanError `invalid-request`, with what is wrong; the password is in no message
 */
export function parseRedisUrl(url: string): RedisAddress {
  const form = FORM.exec(url);
  if (!form)
    throw invalid(`it is none of ${FORMS}; "/", "?", "#" and "@" in a password are written %2F, %3F, %23, %40`);
  const [, secure, mode, credentials, authority = '', path = '', query = ''] = form;
  const kind = (mode ?? 'single') as RedisAddress['kind'];
  const parameters = new URLSearchParams(query);
  checkParameters(parameters, kind, secure !== '');

  const nodes = authority.split(',').map((node) => parseNode(node, kind === 'sentinel' ? 26_379 : 6379));
  if (kind === 'single' && nodes.length > 1) {
    throw invalid(
      'redis:// names one server; several are sentinels (redis+sentinel://) or a cluster (redis+cluster://)',
    );
  }
  const segments = path === '' ? [] : path.split('/').map(decoded);
  const primary = kind === 'sentinel' ? segments.shift() : undefined;
  if (kind === 'sentinel' && !primary) {
    throw invalid('it does not say what the sentinels call the primary; write it after the hosts, such as /mymaster');
  }
  const [database = '0', ...rest] = segments;
  if (!/^\d{0,5}$/.test(database) || rest.length > 0)
    throw invalid(`"/${path}" does not end in the number of a database`);
  if (kind === 'cluster' && Number(database) > 0) throw invalid('a cluster has no databases but 0');

  const sentinelPassword = parameters.get('sentinel-password');
  return {
    kind,
    nodes,
    user: parseUser(credentials),
    database: Number(database),
    ...(primary && { primary }),
    ...(sentinelPassword && { sentinelUser: userOf(parameters.get('sentinel-user') ?? '', sentinelPassword) }),
    ...(secure && { tls: readTls(parameters) }),
  };
}

function checkParameters(parameters: URLSearchParams, kind: RedisAddress['kind'], secure: boolean): void {
  const known = [...(secure ? TLS_PARAMETERS : []), ...(kind === 'sentinel' ? SENTINEL_PARAMETERS : [])];
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    if (TLS_PARAMETERS.includes(name))
      throw invalid(`"${name}" is for TLS, which is asked for with rediss instead of redis`);
    throw invalid(`there is no parameter "${name}" here${known.length > 0 ? `; there are ${known.join(', ')}` : ''}`);
  }
  if (parameters.has('cert') !== parameters.has('key')) {
    throw invalid('a client certificate needs both: cert=FILE and key=FILE');
  }
  if (parameters.has('sentinel-user') && !parameters.has('sentinel-password')) {
    throw invalid('sentinel-user needs a sentinel-password');
  }
}

function parseNode(text: string, defaultPort: number): RedisNode {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d+))?$/.exec(text);
  const port = Number(found?.[3] ?? defaultPort);
  if (!found || port < 1 || port > 65_535) {
    throw invalid(`"${text}" is not host or host:port (an IPv6 address stands in brackets)`);
  }
  return { host: (found[1] ?? found[2]) as string, port };
}

function parseUser(credentials: string | undefined): RedisUser {
  if (!credentials) return {};
  const colon = credentials.indexOf(':');
  if (colon < 0) throw invalid('before the "@" stands no user:password (or :password, for the user called default)');
  return userOf(decoded(credentials.slice(0, colon)), decoded(credentials.slice(colon + 1)));
}

function userOf(name: string, password: string): RedisUser {
  return { ...(name && { name }), password };
}

function readTls(parameters: URLSearchParams): NonNullable<RedisAddress['tls']> {
  const file = (name: 'ca' | 'cert' | 'key') => {
    const path = parameters.get(name);
    if (path === null) return {};
    try {
      return { [name]: readFileSync(path, 'utf8') };
    } catch (error) {
      throw invalid(`the file that "${name}" names cannot be read (${(error as Error).message})`);
    }
  };
  const servername = parameters.get('servername');
  return { ...file('ca'), ...file('cert'), ...file('key'), ...(servername && { servername }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('a "%" in it is not followed by two hexadecimal digits; "%" itself is written %25');
  }
}

function invalid(what: string): PortolanError {
  return new PortolanError('invalid-request', `The URL of Redis cannot be used: ${what}.`);
}
