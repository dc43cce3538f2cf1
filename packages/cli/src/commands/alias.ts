import { allItems } from '@portolan/client';
import { Command } from 'commander';
import { serviceId } from '../argument.ts';
import { plain, say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

export function alias(): Command {
  const command = new Command('alias').description(
    'Say that two names are one service, so that they do not collide: where evidence names a process otherwise than its plan.',
  );
  command.addCommand(
    remote(new Command('set'))
      .description('let a service count as another')
      .argument('<service>', 'project/service, as it is seen', serviceId)
      .argument('<of>', 'project/service that it is', serviceId)
      .addHelpText('after', examples('portolan alias set unknown/sync.js mana/mana-sync'))
      .action(async (service: string, of: string, options: RemoteOptions) => {
        const made = await (await clientOf(options)).setAlias(service, of);
        if (options.json) sayJson(made);
        else say(`${made.service} counts as ${made.of}`);
      }),
  );
  command.addCommand(
    remote(new Command('remove'))
      .alias('rm')
      .description('let it count as itself again')
      .argument('<service>', 'project/service', serviceId)
      .addHelpText('after', examples('portolan alias remove unknown/sync.js'))
      .action(async (service: string, options: RemoteOptions) => {
        const gone = await (await clientOf(options)).removeAlias(service);
        if (options.json) sayJson(gone);
        else say(`${gone.service} is a service of its own`);
      }),
  );
  command.addCommand(
    remote(new Command('list'))
      .alias('ls')
      .description('list what was said')
      .addHelpText('after', examples('portolan alias list'))
      .action(async (options: RemoteOptions) => {
        const client = await clientOf(options);
        const items = await allItems((query) => client.aliases(query), {});
        if (options.json) return sayJson({ items });
        say(
          table(
            ['SERVICE', 'COUNTS AS', 'SAID BY', 'SINCE'],
            items.map(({ service, of, by, at }) => [service, of, plain(by), at.slice(0, 10)]),
          ),
        );
      }),
  );
  return command;
}
