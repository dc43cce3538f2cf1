import { Command } from 'commander';
import { paint, say, sayJson } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

export function dashboard(): Command {
  return remote(new Command('dashboard'))
    .description(
      'Print a link that opens the dashboard. It works once, within ten minutes; what it opens may do what your token may, for 12 hours.',
    )
    .addHelpText('after', examples('portolan dashboard', 'portolan dashboard --url https://ports.example.net:7678'))
    .action(async (options: RemoteOptions) => {
      const client = await clientOf(options);
      const { code, expiresAt } = await client.createLogin();
      const url = dashboardLink(client.url, code);
      if (options.json) return sayJson({ url, expiresAt });
      say(url);
      if (process.stdout.isTTY) say(paint('dim', 'Open it within ten minutes; it works once.'));
    });
}

/** The code stands behind the `#`, which browsers keep to themselves: it is in no log and no referrer. */
export function dashboardLink(url: string, code: string): string {
  return `${url}/#login=${code}`;
}
