import { allItems, type ListenerQuery, type PortolanClient } from '@portolan/client';
import { type EndInput, type Ending, type HostListener, PortolanError, type PortReport } from '@portolan/model';
import { Command } from 'commander';
import { graceTime, oneOf, port, serviceArgument } from '../argument.ts';
import { abridged, plain, say, sayJson } from '../output.ts';
import { ownProject } from '../own-service.ts';
import { stopped } from '../problem-text.ts';
import { confirmed } from '../question.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { describeHeirs, describeVictim, processesOf, type Victim, victimsOf } from '../victim.ts';

interface Options extends RemoteOptions {
  host?: string;
  protocol: 'tcp' | 'udp';
  service?: string;
  project?: string;
  grace?: number;
  dryRun?: boolean;
  force?: boolean;
  yes?: boolean;
}

export function kill(): Command {
  return remote(new Command('kill'))
    .description(
      'End the process that listens on a port, on whatever host: its agent sends SIGTERM, after a while SIGKILL, and waits ' +
        'until the port is free. Only a process of your own project, or of the service named, unless forced.',
    )
    .argument('<port>', 'port', port)
    .option('--host <host>', 'on this host, by id or name; needed when several listen')
    .option('--protocol <protocol>', 'tcp or udp', oneOf('tcp', 'udp'), 'tcp')
    .option('--service <service>', 'end it if it is this service: project/name')
    .option(
      '--project <name>',
      'end it if it is of this project (default: PORTOLAN_PROJECT, that of portolan.yaml, or the git repository)',
    )
    .option('--grace <time>', 'how long it may take to end by itself: 5s', graceTime)
    .option('-n, --dry-run', 'tell what would be ended, and whether the agent would; end nothing')
    .option('--force', "whoever it is, after a question: another service's too, a coordinator or an agent")
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      examples('portolan kill 3050 --dry-run', 'portolan kill 3050', 'portolan kill 3050 --host build-7 --force'),
    )
    .action(async (number: number, options: Options) => {
      const client = await clientOf(options);
      const report = await client.port(number, { consistent: true });
      const { protocol, host } = options;
      // The report shows some of many: who is to end has to be seen whole.
      const listeners = await allItems((query: ListenerQuery) => client.listeners(query), {
        port: number,
        protocol,
        ...(host !== undefined && { host }),
        consistent: true,
      });
      const victims = meant(report, listeners, options);
      const request = requestOf(victims, options);
      if (options.dryRun) {
        const endings = await attempt(client, { ...request, dryRun: true });
        if (options.json) sayJson({ port: number, endings });
        else {
          const shown = victims.map((each) => describeVictim(each, report.assignments));
          say(['Would end:', ...shown, ...describeHeirs(endings, victims)].join('\n'));
        }
        return;
      }
      if (!options.json) for (const victim of victims) say(describeVictim(victim, report.assignments));
      if (options.force) {
        // The agent looks before the person is asked: what it refuses need not be decided.
        const trial = await attempt(client, { ...request, dryRun: true });
        const heirs = describeHeirs(trial, victims);
        if (!options.json) for (const heir of heirs) say(heir);
        const count = victims.length + heirs.length;
        await confirmed(`End ${count === 1 ? 'this process' : `these ${count} processes`}?`, !!options.yes);
      }
      const endings = await attempt(client, request);
      if (options.json) sayJson({ port: number, endings });
      else for (const ending of endings) say(told(ending, number));
    });
}

/** @throws PortolanError `not-found`, `invalid-request` when it has to be said on which host */
function meant(report: PortReport, listeners: readonly HostListener[], { host, protocol }: Options): Victim[] {
  const nameOf = (id: string) => report.hosts[id]?.name ?? id;
  const victims = victimsOf(listeners, nameOf);
  if (victims.length === 0) {
    const where = host === undefined ? '' : ` on ${host}`;
    throw new PortolanError('not-found', `Nobody listens on ${protocol} port ${report.port}${where}`, {
      port: report.port,
    });
  }
  const hosts = [...new Map(victims.map(({ host: { id, name } }) => [id, `${plain(name)} (${id})`])).values()];
  if (hosts.length === 1) return victims;
  throw new PortolanError(
    'invalid-request',
    `There are listeners on ${protocol} port ${report.port} of ${abridged(hosts)}: name the host with --host`,
    { hosts },
  );
}

function requestOf(victims: readonly Victim[], options: Options): EndInput {
  const { project = ownProject(), service, force, grace } = options;
  const [{ host, protocol, port: number }] = victims as [Victim, ...Victim[]];
  const named = service === undefined ? undefined : serviceArgument(service);
  return {
    host: host.id,
    protocol,
    port: number,
    processes: processesOf(victims),
    // Who names a service means that one, not whatever else is of the project.
    ...(named ? { service: `${named.project}/${named.service}` } : { project }),
    ...(force && { force }),
    ...(grace !== undefined && { grace }),
  };
}

async function attempt(client: PortolanClient, request: EndInput): Promise<Ending[]> {
  try {
    return (await client.endListener(request)).endings;
  } catch (error) {
    throw advised(error);
  }
}

function advised(error: unknown): unknown {
  if (!(error instanceof PortolanError) || error.code !== 'other-service') return error;
  return new PortolanError(
    error.code,
    `${stopped(error.message)} If it is yours, say so with --service or --project; --force ends it whoever it is, after a question`,
    error.data,
  );
}

/** One line about what became of a process. */
export function told({ pid, outcome, signal }: Ending, number: number): string {
  if (outcome !== 'ended') return `pid ${pid} had ended already; port ${number} is free`;
  return `pid ${pid} ended ${signal === 'SIGKILL' ? 'by force (SIGKILL)' : 'in its own way (SIGTERM)'}; port ${number} is free`;
}
