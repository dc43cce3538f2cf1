import { stateDir } from '@portolan/client/node';
import { type Caller, PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { listenPort, oneOf, positive } from '../argument.ts';
import { enrolled } from '../enrolment.ts';
import { type GossipChoice, gossiping, gossipOf, publicKey } from '../gossip-options.ts';
import { levels, logger } from '../log.ts';
import { say, sayJson } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { untilStopped } from '../until-stopped.ts';

interface Options extends RemoteOptions, GossipChoice {
  gossipIdentity?: string;
  localApi: boolean;
  localPort?: number;
  name?: string;
  hostId?: string;
  interval: number;
  allNamespaces: boolean;
  health: boolean;
  allowKill: (typeof killScopes)[number];
  logLevel: string;
  enrolment?: string;
}

/** As the agent knows them; told here so that the help need not load it. */
const killScopes = ['own', 'any', 'none'] as const;

export function agent(): Command {
  return gossiping(remote(new Command('agent')))
    .description('Run the agent of this host: report its listening sockets, and test ports before they are promised.')
    .option('--name <name>', 'name of the host (default: its host name)')
    .option('--host-id <id>', 'id of the host (default: one that is kept in the state directory)')
    .option(
      '--enrolment <file>',
      'without a token: make one by the code in this file, and keep it (PORTOLAN_ENROLMENT has the code)',
    )
    .option('--interval <ms>', 'time between two scans', positive, 1000)
    .option('--no-all-namespaces', 'leave other network namespaces out, such as those of containers')
    .option(
      '--allow-kill <whose>',
      `whose processes it may end when asked: ${killScopes.join(', ')} (any needs root)`,
      oneOf(...killScopes),
      'own',
    )
    .option(
      '--gossip-identity <key>',
      'public key of the coordinators, without which nothing of the registry is taken from gossip (default: as a coordinator tells)',
      publicKey,
    )
    .option('--no-health', 'ask no service of this host how it is, whatever plans want')
    .option(
      '--local-port <port>',
      'port on 127.0.0.1 where it answers while no coordinator does (default: 7677)',
      listenPort,
    )
    .option('--no-local-api', 'answer nobody on this machine')
    .option('--log-level <level>', levels.join(', '), oneOf(...levels), 'info')
    .addHelpText('after', examples('portolan agent --url http://10.0.0.5:7678', 'sudo portolan agent --name build-7'))
    .action(async (options: Options) => {
      const [{ hostIdentity, startAgent }, { coordinatorOf, gossipSourceOf }] = await Promise.all([
        import('@portolan/agent'),
        import('../coordinator.ts'),
      ]);
      const gossip = gossipOf(options);
      const host = hostIdentity(options.hostId, stateDir());
      await enrolled(options, host);
      const client = await clientOf(options);
      // Coordinators may be away for a while, but a wrong token will not become right.
      const caller = await client.self().catch((error: unknown) => {
        if (error instanceof PortolanError && error.code === 'unauthorized') throw error;
        return undefined;
      });
      checkCaller(caller, host);
      const running = await startAgent({
        coordinator: coordinatorOf(client),
        scanInterval: options.interval,
        logger: await logger(options.logLevel),
        hostId: options.hostId,
        hostName: options.name,
        allNamespaces: options.allNamespaces,
        allowKill: options.allowKill,
        health: options.health,
        stateDirectory: stateDir(),
        gossip: gossip && {
          ...gossip,
          identity: options.gossipIdentity,
          coordinator: gossipSourceOf(client),
        },
        localApi: options.localApi ? { port: options.localPort, token: client.token } : undefined,
      });
      await untilStopped(() => {
        if (options.json) sayJson({ ready: true, host: running.hostId, coordinator: client.url });
        else say(`The agent of host ${running.hostId} reports to ${client.url}`);
      });
      await running.stop();
    });
}

/** @throws PortolanError `forbidden` when the coordinator would refuse whatever this agent says */
function checkCaller(caller: Caller | undefined, host: string): void {
  if (!caller || caller.role === 'admin' || (caller.role === 'agent' && caller.host === host)) return;
  const is = caller.role === 'agent' ? `for the agent of host ${caller.host}` : `of the role ${caller.role}`;
  throw new PortolanError(
    'forbidden',
    `the token "${caller.name}" is ${is}, and this is host ${host}; "portolan token create --role agent --host-id ${host} --name NAME" makes the right one`,
  );
}
