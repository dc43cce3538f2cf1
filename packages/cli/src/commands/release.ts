import { formatEndpoint, PortolanError, type ReleaseRequest } from '@portolan/model';
import { Command } from 'commander';
import { oneOf, port, positive, serviceArgument } from '../argument.ts';
import { say, sayJson } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { stillUsed } from '../still-used.ts';
import { writeError } from '../terminal.ts';

interface Options extends RemoteOptions {
  lease?: string;
  fencingToken?: string;
  protocol?: 'tcp' | 'udp';
  instance?: number;
}

export function release(): Command {
  return remote(new Command('release'))
    .description('Give ports back: those of a service, of one label of it, one port, or a lease.')
    .argument('[what]', 'project/name, project/name:label, or a port')
    .option('--lease <id>', 'the ports of this lease')
    .option('--fencing-token <token>', 'only the grant that has this token')
    .option('--protocol <protocol>', 'tcp or udp', oneOf('tcp', 'udp'))
    .option('--instance <number>', 'of this instance of the service', positive)
    .addHelpText(
      'after',
      examples('portolan release mana/mana-sync', 'portolan release mana/mana-sync:api', 'portolan release 3050'),
    )
    .action(async (what: string | undefined, options: Options) => {
      const client = await clientOf(options);
      const answers = [];
      for (const request of requestsOf(what, options)) answers.push(await client.release(request));
      const released = answers.flatMap((answer) => answer.released);
      if (options.json) return sayJson({ released, position: answers.at(-1)?.position });
      for (const assignment of released) {
        say(`${assignment.protocol} ${assignment.port} released (was ${formatEndpoint(assignment.endpoint)})`);
      }
      for (const each of await stillUsed(client, released)) writeError(`portolan: ${each}.\n`);
    });
}

/** One request, or one for each label. */
function requestsOf(what: string | undefined, options: Options): ReleaseRequest[] {
  const { fencingToken: token, protocol, instance } = options;
  if (options.lease !== undefined) return [{ lease: options.lease, token, protocol }];
  if (what === undefined) {
    throw new PortolanError('invalid-request', 'Say what to release: a service, a port, or --lease with its id');
  }
  if (/^\d+$/.test(what)) return [{ port: port(what), token, protocol }];
  const { project, service, labels } = serviceArgument(what);
  const of = { project, service, instance, token, protocol };
  return labels.length === 0 ? [of] : labels.map((label) => ({ ...of, label }));
}
