import { GossipKey, type KeyAction, type KeyReport } from '@portolan/model';
import { Command, InvalidArgumentError } from 'commander';
import { say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { waiting } from '../waiting.ts';

export function keys(): Command {
  const command = new Command('keys').description(
    'The keys that gossip is encrypted with. To change them: install a new one, use it, remove the old one.',
  );
  command.addCommand(
    remote(new Command('list'))
      .alias('ls')
      .description('list the keys, and how many members have each; only for an admin, they are secrets')
      .addHelpText('after', examples('portolan keys list'))
      .action(async (options: RemoteOptions) => tell(await (await clientOf(options)).keys(), options)),
  );
  const change = (action: KeyAction, description: string, argument: string) => {
    const each = remote(new Command(action)).description(description).argument(argument, 'the key in base64', key);
    if (action !== 'install') each.option('--force', 'leave members outside that do not have the key which encrypts');
    command.addCommand(
      each
        .addHelpText(
          'after',
          examples(`portolan keys ${action}${action === 'install' ? '' : ' pT1k0cVbJcY4V0Jg3mB0oQ=='}`),
        )
        .action(async (wanted: string | undefined, options: RemoteOptions & { force?: boolean }) => {
          const client = await clientOf(options);
          tell(await waiting('asking all members', client.changeKeys(action, wanted, options)), options);
        }),
    );
  };
  change('install', 'let all members fetch a further key; without one, a new one is made', '[key]');
  change('use', 'let all members encrypt with a key that all have', '<key>');
  change('remove', 'make all members forget a key that nobody encrypts with', '<key>');
  return command;
}

function key(text: string): string {
  const parsed = GossipKey.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`${parsed.error.issues[0]?.message}.`);
  return parsed.data;
}

function tell(report: KeyReport, { json }: RemoteOptions): void {
  if (json) {
    sayJson(report);
    return;
  }
  const rows = report.keys.map(({ key: text, primary, members }) => [
    text,
    primary ? 'encrypts' : 'decrypts',
    `${members} of ${report.members}`,
  ]);
  say(table(['KEY', 'USE', 'MEMBERS'], rows));
  for (const [member, reason] of Object.entries(report.failures)) say(`${member}: ${reason}`);
  if (report.identity !== null) say(`The coordinators sign with ${report.identity}, which agents know them by.`);
}
