import { allItems } from '@portolan/client';
import { formatInterval } from '@portolan/model';
import { Command } from 'commander';
import { plain, say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

export function hosts(): Command {
  return remote(new Command('hosts'))
    .description('List the hosts of the fleet, and what their agents cannot see.')
    .option('--forget <id>', 'remove a host and its listeners, for good')
    .addHelpText('after', examples('portolan hosts', 'portolan hosts --forget h-3f9a'))
    .action(async (options: RemoteOptions & { forget?: string }) => {
      const client = await clientOf(options);
      if (options.forget !== undefined) {
        await client.forgetHost(options.forget);
        return options.json ? sayJson({ forgotten: options.forget }) : say(`${options.forget} is forgotten`);
      }
      const items = await allItems((query) => client.hosts(query), {});
      if (options.json) return sayJson({ items });
      const rows = items.map(({ id, name, state, stateSince, platform, ephemeral, blindSpots }) => [
        plain(name),
        state,
        stateSince,
        plain(platform),
        ephemeral ? formatInterval(ephemeral) : '-',
        id,
        plain(blindSpots.join('; ')) || '-',
      ]);
      say(table(['HOST', 'STATE', 'SINCE', 'PLATFORM', 'EPHEMERAL', 'ID', 'CANNOT SEE'], rows));
    });
}
