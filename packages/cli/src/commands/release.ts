import { type AssignmentQuery, allItems, type PortolanClient } from '@portolan/client';
import { type AssignmentView, formatEndpoint, PortolanError, type ReleaseRequest } from '@portolan/model';
import { Command, Option } from 'commander';
import { oneOf, port, positive, serviceArgument } from '../argument.ts';
import { plain, say, sayJson } from '../output.ts';
import { ownInstance } from '../own-instance.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { stillUsed } from '../still-used.ts';
import { writeError } from '../terminal.ts';

interface Options extends RemoteOptions {
  lease?: string;
  fencingToken?: string;
  protocol?: 'tcp' | 'udp';
  instance?: number;
  all?: boolean;
}

export function release(): Command {
  return remote(new Command('release'))
    .description('Give ports back: those of a service, of one label of it, one port, or a lease.')
    .argument('[what]', 'project/name, project/name:label, or a port')
    .option('--lease <id>', 'the ports of this lease')
    .option('--fencing-token <token>', 'only the grant that has this token')
    .option('--protocol <protocol>', 'tcp or udp', oneOf('tcp', 'udp'))
    .option('--instance <number>', 'of this instance of the service (default: that of this working copy)', positive)
    .addOption(new Option('--all', 'of every instance of the service, in every working copy').conflicts('instance'))
    .addHelpText(
      'after',
      examples('portolan release mana/mana-sync', 'portolan release mana/mana-sync:api', 'portolan release 3050'),
    )
    .action(async (what: string | undefined, options: Options) => {
      const client = await clientOf(options);
      const answers = [];
      const requests = await requestsOf(what, options);
      const kept = await keptBeside(client, requests);
      try {
        for (const request of requests) answers.push(await client.release(request));
      } catch (error) {
        if (!(error instanceof PortolanError) || error.code !== 'not-found' || kept.length === 0) throw error;
        throw new PortolanError(error.code, `${error.message}; ${told(kept)}`, error.data, { cause: error });
      }
      const released = answers.flatMap((answer) => answer.released);
      if (options.json) return sayJson({ released, position: answers.at(-1)?.position });
      for (const assignment of released) {
        say(`${assignment.protocol} ${assignment.port} released (was ${formatEndpoint(assignment.endpoint)})`);
      }
      if (kept.length > 0) writeError(`portolan: ${told(kept)}.\n`);
      for (const each of await stillUsed(client, released)) writeError(`portolan: ${each}.\n`);
    });
}

/** One request, or one for each label. A service means its instance in this working copy: others are somebody else's. */
async function requestsOf(what: string | undefined, options: Options): Promise<ReleaseRequest[]> {
  const { fencingToken: token, protocol } = options;
  if (options.lease !== undefined) return [{ lease: options.lease, token, protocol }];
  if (what === undefined) {
    throw new PortolanError('invalid-request', 'Say what to release: a service, a port, or --lease with its id');
  }
  if (/^\d+$/.test(what)) return [{ port: port(what), token, protocol }];
  const { project, service, labels } = serviceArgument(what);
  const instance = options.all ? undefined : (options.instance ?? (await ownInstance(project)));
  const of = { project, service, instance, token, protocol };
  return labels.length === 0 ? [of] : labels.map((label) => ({ ...of, label }));
}

/** What other instances of the services have. */
async function keptBeside(client: PortolanClient, requests: readonly ReleaseRequest[]): Promise<AssignmentView[]> {
  const [first] = requests;
  if (!first?.project || first.instance === undefined) return [];
  const { project, service, instance, protocol } = first;
  const standing = await allItems((query: AssignmentQuery) => client.assignments(query), {
    project,
    service,
    protocol,
  });
  return standing.filter(({ endpoint }) => endpoint.instance !== instance);
}

function told(kept: readonly AssignmentView[]): string {
  const shown = kept.slice(0, 5).map(({ endpoint, port, holder }) => {
    return `${formatEndpoint(endpoint)} on ${port}${holder === undefined ? '' : ` (${plain(holder)})`}`;
  });
  const more = kept.length > shown.length ? ` and ${kept.length - shown.length} more` : '';
  return `other instances keep their ports: ${shown.join(', ')}${more}; --instance N or --all releases those`;
}
