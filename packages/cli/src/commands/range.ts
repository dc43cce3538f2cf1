import { allItems } from '@portolan/client';
import { formatInterval, type Interval, policies, type Range } from '@portolan/model';
import { Command } from 'commander';
import { interval, oneOf, positive } from '../argument.ts';
import { plain, say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

interface SetOptions extends RemoteOptions {
  purpose?: string;
  owner?: string;
  policy: Range['policy'];
  quota?: number;
}

export function range(): Command {
  const command = new Command('range').description(
    'Ranges: named intervals of ports with a purpose, an owner and a policy.',
  );
  command.addCommand(
    remote(new Command('set'))
      .description('make or change a range')
      .argument('<name>', 'name of the range')
      .argument('<ports>', 'its ports: 3000-3099', interval)
      .option('--owner <project>', 'the project that is given ports of it')
      .option('--purpose <text>', 'what it is for', '')
      .option(
        '--policy <policy>',
        'allocate (for its owner), dynamic (for anybody), blocked (for nobody)',
        oneOf(...policies),
        'allocate',
      )
      .option(
        '--quota <ports>',
        'how many of its ports one project may hold that does not own it (default: half)',
        positive,
      )
      .addHelpText('after', examples('portolan range set mana 3000-3099 --owner mana --purpose "mana services"'))
      .action(async (name: string, ports: Interval, { purpose = '', owner, policy, quota, ...options }: SetOptions) => {
        const wanted: Range = {
          name,
          ...ports,
          purpose,
          owner: owner ?? null,
          policy,
          ...(quota !== undefined && { quota }),
        };
        await (await clientOf(options)).putRange(wanted);
        if (options.json) sayJson(wanted);
        else say(`range ${name} is ${formatInterval(ports)}`);
      }),
  );
  command.addCommand(
    remote(new Command('rm'))
      .description('remove a range; what was assigned in it stays')
      .argument('<name>', 'name of the range')
      .addHelpText('after', examples('portolan range rm mana'))
      .action(async (name: string, options: RemoteOptions) => {
        await (await clientOf(options)).removeRange(name);
        if (options.json) sayJson({ removed: name });
        else say(`range ${name} is removed`);
      }),
  );
  command.addCommand(
    remote(new Command('ls'))
      .description('list the ranges')
      .addHelpText('after', examples('portolan range ls'))
      .action(async (options: RemoteOptions) => {
        const client = await clientOf(options);
        const items = await allItems((query) => client.ranges(query), {});
        if (options.json) return sayJson({ items });
        const rows = items.map((each) => [
          each.name,
          formatInterval(each),
          each.policy,
          each.owner ?? '-',
          plain(each.purpose),
        ]);
        say(table(['RANGE', 'PORTS', 'POLICY', 'OWNER', 'PURPOSE'], rows));
      }),
  );
  return command;
}
