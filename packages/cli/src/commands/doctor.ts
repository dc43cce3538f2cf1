import { Command } from 'commander';
import type { Check } from '../check.ts';
import { checkup } from '../checkup.ts';
import { exitCodes } from '../exit-code.ts';
import { paint, say, sayJson } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { version } from '../version.ts';
import { waiting } from '../waiting.ts';

const marks = { ok: ['green', 'ok  '], warning: ['yellow', 'warn'], failure: ['red', 'FAIL'] } as const;

export function doctor(): Command {
  return remote(new Command('doctor'))
    .description('Look at this set-up from end to end: what is wrong, and how to mend it. Changes nothing.')
    .addHelpText('after', examples('portolan doctor', 'portolan doctor --json'))
    .action(async (options: RemoteOptions) => {
      const checks = await waiting(
        'looking',
        checkup(() => clientOf(options), version()),
      );
      if (options.json) sayJson({ checks });
      else say(checks.map(line).join('\n'));
      if (checks.some(({ status }) => status === 'failure')) process.exitCode = exitCodes.failed.code;
    });
}

function line({ name, status, detail, remedy }: Check): string {
  const [color, mark] = marks[status];
  const first = `${paint(color, mark)}  ${name.padEnd(11)}  ${detail}`;
  return remedy ? `${first}\n${' '.repeat(19)}> ${remedy}` : first;
}
