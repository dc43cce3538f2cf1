import { allItems } from '@portolan/client';
import { readToken, tokenPath } from '@portolan/client/node';
import { PortolanError, type Role, roles, type TokenView } from '@portolan/model';
import { Command } from 'commander';
import { lifetime, oneOf } from '../argument.ts';
import { plain, say, sayJson, table } from '../output.ts';
import { clientOf, collect, examples, type RemoteOptions, remote } from '../remote.ts';

interface CreateOptions extends RemoteOptions {
  role: Role;
  name: string;
  project?: string[];
  hostId?: string;
  expires?: number;
}

export function token(): Command {
  const command = new Command('token').description(
    'Tokens: who may do what. Only an admin makes, lists and revokes them.',
  );
  command.addCommand(
    remote(new Command('create'))
      .description('make a token and print it; it is shown this once')
      .requiredOption('--role <role>', roles.join(', '), oneOf(...roles))
      .requiredOption('--name <name>', 'what it is for, for people: ci, laptop of ada')
      .option('--project <name>', 'of a client: the project whose ports it may hold; may stand several times', collect)
      .option('--host-id <id>', 'of an agent: the id of its host, as "portolan hosts" lists it')
      .option('--expires <time>', 'how long it is accepted: 12h, 30d (default: until it is revoked)', lifetime)
      .addHelpText(
        'after',
        examples(
          'portolan token create --role client --project mana --name ci --expires 30d',
          'portolan token create --role agent --host-id 3f2c9a --name build-7 > /etc/portolan/token',
          'portolan token create --role viewer --name dashboard',
        ),
      )
      .action(async ({ role, name, project, hostId, expires, ...options }: CreateOptions) => {
        const made = await (await clientOf(options)).createToken({
          role,
          name,
          projects: project ?? null,
          host: hostId ?? null,
          ...(expires !== undefined && { ttl: expires }),
        });
        if (options.json) sayJson(made);
        else say(made.token);
      }),
  );
  command.addCommand(
    remote(new Command('list'))
      .alias('ls')
      .description('list the tokens that were made, without what opens anything')
      .addHelpText('after', examples('portolan token list'))
      .action(async (options: RemoteOptions) => {
        const client = await clientOf(options);
        const items = await allItems((query) => client.tokens(query), {});
        if (options.json) return sayJson({ items });
        const rows = items.map((each) => [
          each.id,
          plain(each.name),
          each.role,
          boundsOf(each),
          each.createdAt.slice(0, 10),
          plain(each.createdBy),
          each.expiresAt?.slice(0, 16).replace('T', ' ') ?? 'never',
        ]);
        say(table(['ID', 'NAME', 'ROLE', 'BOUND TO', 'MADE', 'BY', 'EXPIRES'], rows));
      }),
  );
  command.addCommand(
    remote(new Command('revoke'))
      .description('stop accepting a token, at once; the streams that it opened are closed')
      .argument('<id>', 'as "portolan token list" shows it: the part after ptn_')
      .addHelpText('after', examples('portolan token revoke 4fT0aZq81bXc'))
      .action(async (id: string, options: RemoteOptions) => {
        const revoked = await (await clientOf(options)).revokeToken(id);
        if (options.json) sayJson(revoked);
        else say(`the token "${plain(revoked.name)}" (${revoked.role}) is revoked`);
      }),
  );
  command.addCommand(
    new Command('show')
      .description('print the token of this machine')
      .option('--json', 'answer in JSON')
      .addHelpText(
        'after',
        examples('curl -H "authorization: Bearer $(portolan token show)" http://127.0.0.1:7678/v1/listeners'),
      )
      .action(async ({ json }: { json?: boolean }) => {
        const found = process.env.PORTOLAN_TOKEN || (await readToken());
        if (!found) {
          throw new PortolanError('not-found', `There is no token yet at ${tokenPath()}. "portolan up" makes one.`);
        }
        if (json) sayJson({ token: found, path: tokenPath() });
        else say(found);
      }),
  );
  return command;
}

function boundsOf({ projects, host }: TokenView): string {
  return projects?.join(', ') ?? host ?? '-';
}
