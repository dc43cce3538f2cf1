import { PortolanError } from '@portolan/model';
import { Command } from 'commander';
import type { Check } from '../check.ts';
import { checkup } from '../checkup.ts';
import { exitCodes } from '../exit-code.ts';
import { paint, say, sayJson } from '../output.ts';
import { checkRedis } from '../redis-checkup.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { version } from '../version.ts';
import { waiting } from '../waiting.ts';

const marks = { ok: ['green', 'ok  '], warning: ['yellow', 'warn'], failure: ['red', 'FAIL'] } as const;

interface Options extends RemoteOptions {
  /** `true` when it was given without a URL. */
  redis?: string | true;
  fleet?: string;
}

export function doctor(): Command {
  return remote(new Command('doctor'))
    .description('Look at this set-up from end to end: what is wrong, and how to mend it. Changes nothing.')
    .option('--redis [url]', 'look at this Redis instead, as a coordinator would use it (PORTOLAN_REDIS)')
    .option('--fleet <name>', 'with --redis: which fleet of it (default: the one called default)')
    .addHelpText(
      'after',
      examples(
        'portolan doctor',
        'portolan doctor --json',
        'portolan doctor --redis redis+sentinel://10.0.0.5,10.0.0.6,10.0.0.7/harbour',
      ),
    )
    .action(async (options: Options) => {
      const checks = await waiting('looking', checksOf(options));
      if (options.json) sayJson({ checks });
      else say(checks.map(line).join('\n'));
      if (checks.some(({ status }) => status === 'failure')) process.exitCode = exitCodes.failed.code;
    });
}

function checksOf({ redis, fleet, ...options }: Options): Promise<Check[]> {
  if (redis !== undefined) return checkRedis(redis === true ? process.env.PORTOLAN_REDIS : redis, fleet);
  if (fleet !== undefined) throw new PortolanError('invalid-request', '--fleet needs --redis.');
  const named = (options.url ?? process.env.PORTOLAN_URL ?? '').split(',').map((url) => url.trim());
  return checkup(
    (url) => clientOf(url === undefined ? options : { ...options, url }),
    version(),
    named.filter(Boolean),
  );
}

function line({ name, status, detail, remedy }: Check): string {
  const [color, mark] = marks[status];
  const first = `${paint(color, mark)}  ${name.padEnd(11)}  ${detail}`;
  return remedy ? `${first}\n${' '.repeat(19)}> ${remedy}` : first;
}
