import { allItems } from '@portolan/client';
import { Command } from 'commander';
import { lifetime, positive } from '../argument.ts';
import { plain, say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

interface CreateOptions extends RemoteOptions {
  name: string;
  hosts: number;
  expires?: number;
}

export function enrolment(): Command {
  const command = new Command('enrolment').description(
    'Enrolments: a code with which new hosts make the tokens of their agents. It opens nothing else, and no host that is known.',
  );
  command.addCommand(
    remote(new Command('create'))
      .description('make an enrolment and print its code; it is shown this once')
      .requiredOption('--name <name>', 'what it is for, for people: nodes of the cluster')
      .requiredOption('--hosts <number>', 'how many hosts it lets in', positive)
      .option('--expires <time>', 'how long: 12h, 30d (default: until it is used up or revoked)', lifetime)
      .addHelpText('after', examples('portolan enrolment create --name nodes --hosts 50 > code'))
      .action(async ({ name, hosts, expires, ...options }: CreateOptions) => {
        const client = await clientOf(options);
        const made = await client.createEnrolment({ name, hosts, ...(expires !== undefined && { ttl: expires }) });
        if (options.json) sayJson(made);
        else say(made.code);
      }),
  );
  command.addCommand(
    remote(new Command('list'))
      .alias('ls')
      .description('list the enrolments, without their codes')
      .addHelpText('after', examples('portolan enrolment list'))
      .action(async (options: RemoteOptions) => {
        const client = await clientOf(options);
        const items = await allItems((query) => client.enrolments(query), {});
        if (options.json) return sayJson({ items });
        const rows = items.map(({ id, name, left, createdAt, createdBy, expiresAt }) => [
          id,
          plain(name),
          String(left),
          createdAt.slice(0, 10),
          plain(createdBy),
          expiresAt?.slice(0, 16).replace('T', ' ') ?? 'never',
        ]);
        say(table(['ID', 'NAME', 'HOSTS LEFT', 'MADE', 'BY', 'EXPIRES'], rows));
      }),
  );
  command.addCommand(
    remote(new Command('revoke'))
      .description('let nobody in with it any more; the hosts that it let in keep their tokens')
      .argument('<id>', 'as "portolan enrolment list" shows it: the part after ptne_')
      .addHelpText('after', examples('portolan enrolment revoke 4fT0aZq81bXc'))
      .action(async (id: string, options: RemoteOptions) => {
        const revoked = await (await clientOf(options)).revokeEnrolment(id);
        if (options.json) sayJson(revoked);
        else say(`the enrolment "${plain(revoked.name)}" is revoked`);
      }),
  );
  return command;
}
