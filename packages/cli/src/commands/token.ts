import { readToken, tokenPath } from '@portolan/client/node';
import { PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { say, sayJson } from '../output.ts';
import { examples } from '../remote.ts';

export function token(): Command {
  const command = new Command('token').description('The token that opens the coordinator on this machine.');
  command.addCommand(
    new Command('show')
      .description('print the token')
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
