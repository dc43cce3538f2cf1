import { allItems } from '@portolan/client';
import type { Host } from '@portolan/model';
import { Command } from 'commander';
import { abridged, plain, say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { doubted } from '../store-doubt.ts';
import { writeError } from '../terminal.ts';

export function hosts(): Command {
  return remote(new Command('hosts'))
    .description('List the hosts of the fleet, and what their agents cannot see.')
    .option('--forget <id>', 'remove a host and its listeners, for good')
    .addHelpText('after', examples('portolan hosts', 'portolan hosts --forget h-3f9a'))
    .action(async (options: RemoteOptions & { forget?: string }) => {
      if (options.forget !== undefined) {
        const client = await clientOf(options);
        await client.forgetHost(options.forget);
        return options.json ? sayJson({ forgotten: options.forget }) : say(`${options.forget} is forgotten`);
      }
      const {
        answer: items,
        source,
        doubt,
      } = await doubted(options, (client) => allItems((query) => client.hosts(query), {}));
      if (doubt) writeError(`portolan: the store takes no writes now, so this may be old (${doubt}).\n`);
      if (options.json) return sayJson({ items, ...(source && { source }) });
      say(table(['HOST', 'STATE', 'SINCE', 'PLATFORM', 'ID'], items.map(row)));
      for (const line of unseen(items.filter(({ state }) => state !== 'left'))) say(line);
    });
}

function row({ id, name, state, stateSince, platform }: Host): string[] {
  // An agent tells `linux 6.12.0-amd64 x64`; the middle is long and rarely matters.
  const [system = '', ...rest] = platform.split(' ');
  return [plain(name), state, stateSince.replace(/\.\d+Z$/, 'Z'), plain([system, ...rest.slice(-1)].join(' ')), id];
}

/** Most hosts of a fleet have the same blind spots, so each is told once. */
function unseen(hosts: readonly Host[]): string[] {
  const spots = new Map<string, string[]>();
  for (const { name, blindSpots } of hosts) {
    for (const spot of blindSpots) spots.set(spot, [...(spots.get(spot) ?? []), plain(name)]);
  }
  const lines = Array.from(spots, ([spot, names]) => `  ${abridged(names)}: ${plain(spot)}`);
  return lines.length > 0 ? ['', 'What the agents cannot see:', ...lines] : [];
}
