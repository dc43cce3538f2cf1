import { PortolanError, type Protocol } from '@portolan/model';
import { Command } from 'commander';
import { oneOf, positive } from '../argument.ts';
import { say, sayJson } from '../output.ts';
import { tellNotes } from '../port-notes.ts';
import { reading } from '../reading.ts';
import { examples, type RemoteOptions, remote } from '../remote.ts';

interface Options extends RemoteOptions {
  count: number;
  range?: string;
  project?: string;
  protocol?: Protocol;
  hostName?: string;
}

export function free(): Command {
  return remote(new Command('free'))
    .description(
      'List ports that could be reserved now, lowest first, and bound on this machine if it has an agent. ' +
        'It promises nothing: reserve one to have it.',
    )
    .option('--count <number>', 'how many', positive, 10)
    .option('--range <range>', 'within these ports: 41000-41399, or the name of a range')
    .option('--project <name>', 'as this project would be given them')
    .option('--protocol <protocol>', 'that can be bound for tcp or udp (default: tcp)', oneOf('tcp', 'udp'))
    .option('--host-name <host>', 'that can be bound on this host (default: this machine)')
    .addHelpText('after', examples('portolan free --count 5', 'portolan free --range 41000-41399'))
    .action(async ({ json, url, token, hostName, ...query }: Options) => {
      const { answer, source } = await reading({ url, token }, (client) =>
        client.lookForFree({ order: 'lowest', ...query, ...(hostName && { probeOn: hostName }) }),
      );
      const { ports, probed, notes } = answer;
      if (json) sayJson({ ports, probed, notes, ...(source && { source }) });
      else if (ports.length > 0) say(ports.join('\n'));
      if (!json) tellNotes(notes);
      if (ports.length === 0)
        throw new PortolanError(
          'range-exhausted',
          'No port there could be reserved: release some, or name another range',
        );
    });
}
