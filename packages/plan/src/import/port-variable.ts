/** What the name of an environment variable says of the port in it. */
export type PortVariable =
  /** The port that whoever reads it binds: `PORT`, `HTTP_PORT`, `HEALTH_PORT`. */
  | { role: 'own'; label?: string /** Before `_PORT`. */; word?: string }
  /** The port of something that it connects to: `DB_PORT`, `SMTP_PORT`. */
  | { role: 'other'; name: string }
  /** It names something, a service or a label: `MANA_SYNC_PORT`. */
  | { role: 'named'; name: string };

/** Labels that ports of a service commonly have; as a prefix of `_PORT` they say which of its own it is. */
const LABELS = new Set(
  (
    'http https api rest web ui app server listen bind service health healthcheck metrics metric prometheus admin management debug inspect inspector ' +
    'grpc ws websocket rpc tcp udp cdp internal external public dev host main node hmr livereload pprof profiler dashboard console ' +
    'sse mcp http2 ssl tls'
  ).split(' '),
);

/** Of these there is no label in the name: there is one port of that kind only. */
const UNLABELLED = new Set('server listen bind service app main dev host external public http node'.split(' '));

/** Kinds of servers that applications connect to and hardly ever are. */
const BACKING = new Set(
  (
    'db database postgres postgresql pg pgsql mysql mariadb mongo mongodb redis valkey memcached smtp mail email imap pop3 rabbitmq amqp rabbit kafka nats ' +
    'elastic elasticsearch opensearch clickhouse ldap mqtt zookeeper influx influxdb cassandra scylla neo4j meilisearch typesense qdrant ' +
    'statsd syslog ftp sftp ssh otel otlp jaeger zipkin proxy s3 minio consul vault etcd target upstream remote forward'
  ).split(' '),
);

/** Prefixes that a bundler asks for. */
const BUNDLER = /^(?:NEXT_PUBLIC|NUXT_PUBLIC|EXPO_PUBLIC|REACT_APP|VITE|PUBLIC|GATSBY|VUE_APP)_/;

/** @returns `undefined` for a name that is not of a port: `SUPPORT`, `EXPORT`, `PORTAL`, `REPORT_ID` */
export function portVariable(name: string): PortVariable | undefined {
  const upper = name.replace(BUNDLER, '').toUpperCase();
  if (/^PORT(_NUMBER)?$/.test(upper)) return { role: 'own' };
  const before = /_PORT(_NUMBER)?$/.test(upper) ? upper.replace(/_PORT(_NUMBER)?$/, '') : undefined;
  const word =
    before
      ?.replace(/^(?:EXPOSED?|PUBLISH(?:ED)?|HOST|DOCKER)_(?=.)/, '')
      .replace(/_(HOST|LISTEN|SERVER|EXPOSED|EXTERNAL|PUBLISHED|LOCAL|HTTP)$/, '') ?? /^PORT_(.+)$/.exec(upper)?.[1];
  return word ? said(word.toLowerCase()) : undefined;
}

function said(word: string): PortVariable {
  if (LABELS.has(word)) return { role: 'own', word, ...(UNLABELLED.has(word) ? {} : { label: labelOf(word) }) };
  const words = word.split('_');
  if (BACKING.has(word) || (BACKING.has(words[0]!) && words.length <= 2)) return { role: 'other', name: word };
  return { role: 'named', name: word };
}

function labelOf(word: string): string {
  if (word === 'websocket') return 'ws';
  if (word === 'healthcheck') return 'health';
  if (word === 'metric' || word === 'prometheus') return 'metrics';
  if (word === 'inspect' || word === 'inspector') return 'debug';
  return word;
}

/** `MANA_AUTH_URL` → `mana_auth`: who a variable with an address names. @returns `undefined` when it names nobody */
export function addressVariable(name: string): string | undefined {
  const upper = name.replace(BUNDLER, '').toUpperCase();
  const prefix = upper.replace(/_{1,2}(URL|URI|ENDPOINT|ADDR|ADDRESS|ORIGIN|HOST|UPSTREAM|TARGET|DSN|BASEURL)$/, '');
  if (prefix === upper) return undefined;
  return prefix.replace(/_(API|BASE|INTERNAL|SERVICE|PUBLIC|SERVER|HTTP|WS|GRPC|BACKEND)$/, '').toLowerCase();
}

/** `ENVOY_ADMIN_PORT`, `COLLECTOR_PORT_GRPC` → admin, grpc: what the last word of a variable says of a port, if anything. */
export function labelOfVariable(name: string): string | undefined {
  const [, last = ''] = /(?:^|_)([a-z0-9]{1,20})(?:_port)?$/.exec(name.toLowerCase()) ?? [];
  return LABELS.has(last) && !UNLABELLED.has(last) ? labelOf(last) : undefined;
}

/** `PROMETHEUS_ENDPOINT`, `GRPC_ADDR` → metrics, grpc: which of its own addresses a program is told by a variable. */
export function labelOfAddress(name: string): string | undefined {
  const bare = name.toLowerCase().replace(/_{1,2}(?:url|uri|endpoint|addr|address)$/, '');
  return labelOfVariable(bare);
}
