import { hostname } from 'node:os';
import { connect } from '@portolan/client';
import { stateDir, tellOwnCoordinator, tokenPath } from '@portolan/client/node';
import { Command } from 'commander';
import { listenPort, oneOf, origin } from '../argument.ts';
import { ownDataFile } from '../data-file.ts';
import { levels, logger } from '../log.ts';
import { explainListening } from '../occupant.ts';
import { paint, say, sayJson } from '../output.ts';
import { collect, examples } from '../remote.ts';
import { startToken } from '../start-token.ts';
import { untilStopped } from '../until-stopped.ts';
import { dashboardLink } from './dashboard.ts';

interface Options {
  port: number;
  data?: string;
  allowHost?: string[];
  allowOrigin?: string[];
  gossip: boolean;
  logLevel: string;
  json?: boolean;
}

export function up(): Command {
  return new Command('up')
    .description(
      'Start a coordinator with its own file and the agent of this machine, in one process. Nothing to install.',
    )
    .option('--port <port>', 'port to listen on, at 127.0.0.1; 0 for any free one', listenPort, 7678)
    .option('--data <file>', 'the SQLite file (default: portolan.sqlite in the state directory)')
    .option('--allow-host <name>', 'a further name that it is reached by; may stand several times', collect)
    .option('--allow-origin <origin>', 'pages of this origin may use it; may stand several times', origin)
    .option('--no-gossip', 'take no part in gossip')
    .option('--log-level <level>', levels.join(', '), oneOf(...levels), 'warn')
    .option('--json', 'write the ready line as JSON')
    .addHelpText('after', examples('portolan up', 'portolan up --port 7700 --data /tmp/try.sqlite'))
    .action(async (options: Options) => {
      const [
        { startServer },
        { hostIdentity, hostKey, startAgent },
        { pageDirectory },
        { coordinatorOf, gossipSourceOf },
      ] = await Promise.all([
        import('@portolan/server'),
        import('@portolan/agent'),
        import('@portolan/dashboard'),
        import('../coordinator.ts'),
      ]);
      const token = await startToken();
      const log = await logger(options.logLevel);
      const path = options.data ?? (await ownDataFile());
      const server = await startServer({
        port: options.port,
        token,
        allowHosts: options.allowHost,
        allowOrigins: options.allowOrigin,
        dashboard: pageDirectory,
        gossip: options.gossip
          ? { agent: { host: hostIdentity(undefined, stateDir()), name: hostname(), key: hostKey(stateDir()) } }
          : undefined,
        store: { kind: 'sqlite', path },
        logger: log,
      }).catch(async (error: unknown) => {
        throw await explainListening(error, '127.0.0.1', options.port);
      });
      try {
        const client = connect({ url: server.url, token, patience: 0 });
        const agent = await startAgent({
          coordinator: coordinatorOf(client),
          scanInterval: 1000,
          logger: log,
          stateDirectory: stateDir(),
          gossip: server.cluster && { cluster: server.cluster, coordinator: gossipSourceOf(client) },
          localApi: { token },
        });
        // Where that cannot be written, commands have to be told by PORTOLAN_URL.
        const takeBack = await tellOwnCoordinator(server.url).catch(() => async () => {});
        const page = options.json ? '' : dashboardLink(server.url, (await client.createLogin()).code);
        await untilStopped(() => {
          if (options.json) sayJson({ ready: true, url: server.url, host: agent.hostId });
          else say(welcome(server.url, page));
        });
        if (!options.json) say('Stopping; once more stops at once.');
        await takeBack();
        await agent.stop();
      } finally {
        await server.stop();
      }
    });
}

function welcome(url: string, page: string): string {
  const token = process.env.PORTOLAN_TOKEN ? 'from PORTOLAN_TOKEN' : tokenPath();
  return [
    `${paint('bold', 'Portolan is ready')} at ${url}`,
    `  page   ${page}`,
    '         opens once, within ten minutes; "portolan dashboard" makes another link',
    `  token  ${token}`,
    '  try    portolan ls --listeners',
    '  stop   Ctrl-C',
  ].join('\n');
}
