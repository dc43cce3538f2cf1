import { Acknowledgement, PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { listenPort, oneOf, origin, positive } from '../argument.ts';
import { ownDataFile } from '../data-file.ts';
import { type GossipChoice, gossiping, gossipOf } from '../gossip-options.ts';
import { levels, logger } from '../log.ts';
import { explainListening } from '../occupant.ts';
import { say, sayJson } from '../output.ts';
import { collect, examples } from '../remote.ts';
import { startToken } from '../start-token.ts';
import { untilStopped } from '../until-stopped.ts';

interface Options extends GossipChoice {
  redis?: string;
  data?: string;
  host: string;
  port: number;
  fleet?: string;
  ack?: string;
  insecureBind?: boolean;
  tlsCert?: string;
  tlsKey?: string;
  tlsClientCa?: string;
  allowHost?: string[];
  allowOrigin?: string[];
  trustedProxy?: string[];
  rateLimit?: number;
  streamLimit?: number;
  connectionLimit?: number;
  grace: number;
  publicUrl?: string;
  lockDelay?: number;
  logLevel: string;
  json?: boolean;
}

export function server(): Command {
  return gossiping(new Command('server'))
    .description('Run a coordinator: alone with its own file, or with others on one Redis.')
    .option('--redis <url>', 'keep the state in this Redis, which several coordinators may share (PORTOLAN_REDIS)')
    .option('--data <file>', 'keep the state in this SQLite file (default: portolan.sqlite in the state directory)')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 for any free one', listenPort, 7678)
    .option('--fleet <name>', 'which fleet of the Redis (default: the one called default)')
    .option(
      '--ack <level>',
      'with Redis: how durable a commit must be before it is acknowledged: memory, disk, replicas:N',
    )
    .option('--tls-cert <file>', 'serve https with this certificate (PEM); read again when it changes')
    .option('--tls-key <file>', 'its key (PEM)')
    .option('--tls-client-ca <file>', 'let in only clients with a certificate of this authority (PEM)')
    .option('--insecure-bind', 'listen beyond loopback although there is no TLS')
    .option('--allow-host <name>', 'a further name that it is reached by; may stand several times', collect)
    .option('--allow-origin <origin>', 'pages of this origin may use it; may stand several times', origin)
    .option(
      '--trusted-proxy <network>',
      'take the word of proxies here (10.0.0.0/24) on where a request comes from; may stand several times (PORTOLAN_TRUSTED_PROXY)',
      collect,
    )
    .option('--rate-limit <n>', 'requests a second of one token, in the long run (default: 1000)', positive)
    .option('--stream-limit <n>', 'streams that one token may have open (default: 2000)', positive)
    .option('--connection-limit <n>', 'connections of all clients together (default: 20000)', positive)
    .option(
      '--grace <seconds>',
      'how long a host, a coordinator or a service that a plan requires may be away before it is a finding',
      positive,
      30,
    )
    .option('--public-url <url>', 'how others reach it by HTTP, for gossip to tell (default: where it listens)')
    .option('--lock-delay <seconds>', 'how long the leases of a host that gossip lost are kept (default: 45)', positive)
    .option('--log-level <level>', levels.join(', '), oneOf(...levels), 'info')
    .option('--json', 'write the ready line as JSON')
    .addHelpText(
      'after',
      examples(
        'portolan server',
        'portolan server --redis redis://10.0.0.5:6379 --ack replicas:1',
        'portolan server --host 0.0.0.0 --tls-cert ports.pem --tls-key ports.key --allow-host ports.example.net',
      ),
    )
    .action(async (options: Options) => {
      const [{ startServer }, { pageDirectory }] = await Promise.all([
        import('@portolan/server'),
        import('@portolan/dashboard'),
      ]);
      const token = await startToken();
      const running = await startServer({
        host: options.host,
        port: options.port,
        token,
        tls: tlsOf(options),
        insecureBind: options.insecureBind,
        allowHosts: options.allowHost,
        allowOrigins: options.allowOrigin,
        trustedProxies: options.trustedProxy ?? proxiesNamed(process.env.PORTOLAN_TRUSTED_PROXY),
        dashboard: pageDirectory,
        grace: options.grace,
        limits: {
          ...(options.rateLimit && { requests: options.rateLimit }),
          ...(options.streamLimit && { streams: options.streamLimit }),
          ...(options.connectionLimit && { connections: options.connectionLimit }),
        },
        gossip: gossipOf(options),
        publicUrl: options.publicUrl,
        lockDelay: options.lockDelay,
        store: await storeOf(options),
        logger: await logger(options.logLevel),
      }).catch(async (error: unknown) => {
        throw await explainListening(error, options.host, options.port);
      });
      await untilStopped(() => {
        if (options.json) sayJson({ ready: true, url: running.url });
        else say(`Portolan is ready at ${running.url}`);
      });
      await running.stop();
    });
}

async function storeOf({ redis = process.env.PORTOLAN_REDIS, data, fleet, ack }: Options) {
  if (redis && data) throw new PortolanError('invalid-request', 'Give --redis or --data, not both.');
  if (!redis && (ack ?? fleet) !== undefined) {
    throw new PortolanError('invalid-request', '--ack and --fleet need --redis; a file is always synced.');
  }
  if (!redis) return { kind: 'sqlite' as const, path: data ?? (await ownDataFile()) };
  if (ack !== undefined && !Acknowledgement.safeParse(ack).success) {
    throw new PortolanError('invalid-request', `There is no level "${ack}": --ack takes memory, disk or replicas:N.`);
  }
  return { kind: 'redis' as const, url: redis, fleet, acknowledgement: ack };
}

function proxiesNamed(text = ''): string[] {
  return text.split(/[\s,]+/).filter((each) => each !== '');
}

function tlsOf({ tlsCert: cert, tlsKey: key, tlsClientCa: clientCa }: Options) {
  if (!cert && !key && !clientCa) return undefined;
  if (cert && key) return { cert, key, clientCa };
  throw new PortolanError('invalid-request', 'For TLS both --tls-cert and --tls-key are needed.');
}
