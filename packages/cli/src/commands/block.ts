import { allItems } from '@portolan/client';
import { formatInterval, type Interval, type Protocol } from '@portolan/model';
import { Command } from 'commander';
import { interval, oneOf } from '../argument.ts';
import { plain, say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

interface ProtocolOptions extends RemoteOptions {
  protocol?: Protocol;
}

export function block(): Command {
  const command = new Command('block').description('Blocked ports: nobody may be assigned them.');
  command.addCommand(
    remote(new Command('add'))
      .description('block ports')
      .argument('<ports>', '3000 or 3000-3010', interval)
      .requiredOption('--reason <text>', 'why, for whoever is refused')
      .option('--protocol <protocol>', 'tcp or udp alone', oneOf('tcp', 'udp'))
      .addHelpText('after', examples('portolan block add 6000-6063 --reason "X11"'))
      .action(async (ports: Interval, { reason, protocol, ...options }: ProtocolOptions & { reason: string }) => {
        const wanted = { ...ports, protocol: protocol ?? null, reason };
        await (await clientOf(options)).block(wanted);
        if (options.json) sayJson(wanted);
        else say(`${formatInterval(ports)} is blocked`);
      }),
  );
  command.addCommand(
    remote(new Command('rm'))
      .description('unblock ports, written as they were blocked')
      .argument('<ports>', '3000 or 3000-3010', interval)
      .option('--protocol <protocol>', 'tcp or udp, if it was blocked for one alone', oneOf('tcp', 'udp'))
      .addHelpText('after', examples('portolan block rm 6000-6063'))
      .action(async (ports: Interval, { protocol, ...options }: ProtocolOptions) => {
        await (await clientOf(options)).unblock(ports, protocol);
        if (options.json) sayJson({ removed: { ...ports, protocol: protocol ?? null } });
        else say(`${formatInterval(ports)} is no longer blocked`);
      }),
  );
  command.addCommand(
    remote(new Command('ls'))
      .description('list the blocked ports')
      .addHelpText('after', examples('portolan block ls'))
      .action(async (options: RemoteOptions) => {
        const client = await clientOf(options);
        const items = await allItems((query) => client.blocks(query), {});
        if (options.json) return sayJson({ items });
        const rows = items.map((each) => [formatInterval(each), each.protocol ?? 'both', plain(each.reason)]);
        say(table(['PORTS', 'PROTO', 'REASON'], rows));
      }),
  );
  return command;
}
