import { type PlanDiff, PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { exitCodes } from '../exit-code.ts';
import { paint, plain, say, sayJson } from '../output.ts';
import { planned, subjectOf } from '../plan-subject.ts';
import { confirmed } from '../question.ts';
import { clientOf, examples } from '../remote.ts';
import { type ReorganiseOptions, reorganised, reorganising, writeReorganisation } from './plan.ts';

interface Options extends ReorganiseOptions {
  write?: boolean;
  dryRun?: boolean;
}

export function apply(): Command {
  return reorganising(planned(new Command('apply')))
    .description(
      'Declare the plan in the registry: its ranges, blocked ports, services and their ports, all or nothing. Shows what ' +
        'would change and asks first; exactly that is done. With --write it brings the files in line instead, as "plan --write".',
    )
    .option('-n, --dry-run', 'show what would change, and do nothing')
    .option('--write', 'edit the files so that nothing is wrong, and do not talk to a coordinator')
    .option('--json', 'answer in JSON, errors as problem JSON on stderr')
    .addHelpText('after', examples('portolan apply --dry-run', 'portolan apply --yes', 'portolan apply --write --yes'))
    .action(async (paths: string[], { write, dryRun, ...options }: Options) => {
      if (write) {
        const { loaded, reorganisation } = await reorganised(paths, options);
        if (dryRun) throw new PortolanError('invalid-request', '"portolan plan" shows what --write would do');
        return writeReorganisation(loaded, reorganisation, options);
      }
      await declare(paths, { ...options, dryRun });
    });
}

async function declare(paths: string[], { dryRun, yes = false, json, ...options }: Options): Promise<void> {
  const { declarationOf } = await import('@portolan/plan');
  const { subject } = await subjectOf(paths, { ...options, live: false });
  const { project } = subject.manifest;
  const declaration = declarationOf(subject.manifest);
  const client = await clientOf(options);
  const diff = await client.declare(project, declaration, { dryRun: true });
  if (dryRun || diff.conflicts.length > 0) {
    if (json) sayJson(diff);
    else say(diffTextOf(diff));
    if (diff.conflicts.length > 0) process.exitCode = exitCodes.refused.code;
    return;
  }
  if (!json) say(diffTextOf(diff));
  if (diff.changes.length === 0) {
    if (json) sayJson(diff);
    return;
  }
  await confirmed(`Declare this in the registry?`, yes);
  // What was shown is what is done: should the fleet have changed meanwhile, nothing is.
  const done = await client.declare(project, declaration, { version: diff.version });
  if (json) sayJson(done);
  else say(`The plan of ${project} is declared.`);
}

/** An endpoint as people write it: `shop/api` for `shop/api:default/tcp`. */
function briefly(id: string): string {
  return id.replace(/\/tcp$/, '').replace(/:default$/, '');
}

const signs = { add: ['green', '+'], change: ['yellow', '~'], move: ['yellow', '>'], remove: ['red', '-'] } as const;

function diffTextOf({ project, changes, conflicts, warnings }: PlanDiff): string {
  const lines = changes.map(({ action, what, id, detail }) => {
    const [color, sign] = signs[action];
    // A change of a port begins with its number.
    const joint = what === 'port' && action === 'change' ? ' ' : ': ';
    return `${paint(color, `${sign} ${what} ${plain(what === 'port' ? briefly(id) : id)}`)}${detail ? `${joint}${plain(detail)}` : ''}`;
  });
  const told = warnings.map((warning) => `${paint('yellow', 'note')}: ${plain(warning)}`);
  if (conflicts.length > 0) {
    const inTheWay = conflicts.map(({ what, id, detail, suggestions }) => {
      const free = suggestions.length > 0 ? ` Free instead: ${suggestions.join(', ')}.` : '';
      return `${paint('red', `! ${what} ${plain(id)}`)}: ${plain(detail)}${free}`;
    });
    return [...lines, ...told, ...inTheWay, 'Nothing can be declared while this is in the way.'].join('\n');
  }
  if (changes.length === 0) return [...told, `The registry has the plan of ${project} as it is.`].join('\n');
  return [...lines, ...told].join('\n');
}
