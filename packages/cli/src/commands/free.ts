import { PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { positive } from '../argument.ts';
import { say, sayJson } from '../output.ts';
import { reading } from '../reading.ts';
import { examples, type RemoteOptions, remote } from '../remote.ts';

interface Options extends RemoteOptions {
  count: number;
  range?: string;
  project?: string;
}

export function free(): Command {
  return remote(new Command('free'))
    .description('List ports that could be reserved now, lowest first. It promises nothing: reserve one to have it.')
    .option('--count <number>', 'how many', positive, 10)
    .option('--range <range>', 'within these ports: 41000-41399, or the name of a range')
    .option('--project <name>', 'as this project would be given them')
    .addHelpText('after', examples('portolan free --count 5', 'portolan free --range 41000-41399'))
    .action(async ({ json, url, token, ...query }: Options) => {
      const { answer: ports, source } = await reading({ url, token }, (client) =>
        client.freePorts({ order: 'lowest', ...query }),
      );
      if (json) sayJson({ ports, ...(source && { source }) });
      else if (ports.length > 0) say(ports.join('\n'));
      if (ports.length === 0)
        throw new PortolanError(
          'range-exhausted',
          'No port there could be reserved: release some, or name another range',
        );
    });
}
