import type { MemberView } from '@portolan/model';
import { Command } from 'commander';
import { ago } from '../age.ts';
import { plain, say, sayJson, table } from '../output.ts';
import { reading } from '../reading.ts';
import { examples, type RemoteOptions, remote } from '../remote.ts';

export function members(): Command {
  return remote(new Command('members'))
    .description('List who takes part in gossip: coordinators and agents, and how they are.')
    .addHelpText('after', examples('portolan members', 'portolan members --json'))
    .action(async (options: RemoteOptions) => {
      const { answer: items, source } = await reading(options, (client) => client.members());
      if (options.json) return sayJson({ items, ...(source && { source }) });
      const sorted = items.toSorted((a, b) => a.name.localeCompare(b.name));
      say(table(['NAME', 'ADDRESS', 'STATUS', 'SINCE', 'ROLE', 'TAGS'], sorted.map(row)));
    });
}

function row({ name, address, status, statusSince, tags }: MemberView): string[] {
  const { role = '-', kind: _kind, ...rest } = tags;
  const told = Object.entries(rest).map(([tag, value]) => `${tag}=${value}`);
  return [name, address, status, ago(statusSince), role, told.join(',')].map(plain);
}
