import { PortolanError } from '@portolan/model';
import type { Reorganisation } from '@portolan/plan';
import { Command, InvalidArgumentError } from 'commander';
import { port } from '../argument.ts';
import { paint, plain, say, sayJson } from '../output.ts';
import { type Loaded, type PlanOptions, planned, portsInUse, subjectOf } from '../plan-subject.ts';
import { writeTree } from '../plan-write.ts';
import { examples } from '../remote.ts';

export interface ReorganiseOptions extends PlanOptions {
  move?: Map<string, number>;
  fewest?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function plan(): Command {
  return reorganising(planned(new Command('plan')))
    .description(
      'Show how to get from the ports of today to those that the rules want, with the fewest moves, in an order in which ' +
        "nobody is in another's way, and which lines of which files to edit. Changes nothing without --write.",
    )
    .option('--write', 'edit the files: shows the diff and asks first; all or nothing; "portolan undo" takes it back')
    .option('--json', 'answer in JSON, errors as problem JSON on stderr')
    .addHelpText(
      'after',
      examples('portolan plan', 'portolan plan --write', 'portolan plan --move mana-sync=3010 --write --yes'),
    )
    .action(async (paths: string[], { write, ...options }: ReorganiseOptions & { write?: boolean }) => {
      const { loaded, reorganisation } = await reorganised(paths, options);
      if (write) await writeReorganisation(loaded, reorganisation, options);
      else if (options.json) sayJson(reorganisation);
      else say(reorganisationText(reorganisation));
    });
}

/** The options of a reorganisation, which "apply --write" has too. */
export function reorganising(command: Command): Command {
  return command
    .option('--move <service=port>', 'give a service this port; may stand several times', target)
    .option('--fewest', 'pass over the ports that documents plan, and move only whom the rules make move')
    .option('-y, --yes', 'do not ask');
}

export async function reorganised(
  paths: string[],
  options: ReorganiseOptions,
): Promise<{ loaded: Loaded; reorganisation: Reorganisation }> {
  const { reorganise } = await import('@portolan/plan');
  const loaded = await subjectOf(paths, options);
  const wishes = {
    targets: options.move ?? new Map<string, number>(),
    planned: !options.fewest,
    avoid: portsInUse(loaded.subject),
  };
  return { loaded, reorganisation: reorganise(loaded.subject, wishes) };
}

/** @throws PortolanError `invalid-request` when something cannot be done by replacing digits */
export async function writeReorganisation(
  { survey, named }: Loaded,
  reorganisation: Reorganisation,
  { yes, json }: ReorganiseOptions,
): Promise<void> {
  const { changesBy } = await import('@portolan/plan');
  const { edits, obstacles, moves, repairs } = reorganisation;
  if (obstacles.length > 0) {
    const lines = obstacles.map(({ place, reason }) => `  ${place.file}:${place.line}: ${reason}`);
    throw new PortolanError(
      'invalid-request',
      `Nothing was written, for this has to be done by hand first:\n${lines.join('\n')}`,
      { obstacles },
    );
  }
  const changes = changesBy(survey.root, edits);
  if (changes.length === 0) {
    if (json) sayJson({ ...reorganisation, files: [] });
    else say(`Nothing to write: every port is where it should be.${remainingText(reorganisation)}`);
    return;
  }
  if (!json) say(`${reorganisationText(reorganisation)}\n`);
  await writeTree({ root: survey.root, named }, changes, `plan: ${moves} moves, ${repairs.length} repairs`, {
    yes,
    quiet: json,
  });
  const files = changes.map(({ file }) => file);
  if (json) sayJson({ ...reorganisation, files });
  else {
    const restarts = [...new Set(reorganisation.steps.map(({ endpoint }) => endpoint))];
    say(`${edits.length} places in ${files.length} files are written; "portolan undo" takes it back.`);
    if (restarts.length > 0) say(`Restart in the order of the steps: ${restarts.join(', ')}.`);
  }
}

function reorganisationText(reorganisation: Reorganisation): string {
  const { steps, repairs, narrowed, moves, kept, bound, dropped, obstacles, lookAt } = reorganisation;
  if (moves + repairs.length + narrowed.length === 0)
    return `Every port is where it should be.${remainingText(reorganisation)}`;
  const best = moves === bound ? 'no way has fewer' : `no way has fewer than ${bound}`;
  const counted = `${moves} ${moves === 1 ? 'service moves' : 'services move'} (${best}), ${kept} ${kept === 1 ? 'keeps its' : 'keep their'} port`;
  const stepLines = steps.map(({ endpoint, from, to, temporary, because, places }, index) =>
    [
      `${String(index + 1).padStart(3)}. ${paint('bold', plain(endpoint))} ${from} -> ${to}${temporary ? ' for the moment' : ''}`,
      ...because.map((reason) => paint('dim', `     ${plain(reason)}`)),
      ...wrapped(places.map(({ file, line }) => `${file}:${line}`)),
    ].join('\n'),
  );
  const repairLines = repairs.map(({ endpoint, port: right, places }) =>
    [
      `  ${paint('bold', plain(endpoint))} keeps ${right}; written otherwise in`,
      ...wrapped(places.map(({ place, says }) => `${place.file}:${place.line} (${says})`)),
    ].join('\n'),
  );
  const narrowedLines = Array.from(
    Map.groupBy(narrowed, ({ service }) => service),
    ([service, places]) =>
      [
        `  ${paint('bold', plain(service))} is published at 127.0.0.1 from now on`,
        ...wrapped(places.map(({ place }) => `${place.file}:${place.line}`)),
      ].join('\n'),
  );
  const byHand = [
    ...obstacles.map(({ place, reason }) => `  ${place.file}:${place.line}: ${reason}`),
    ...lookAt.map((path) => `  ${path}: no port was found in it, and the plan says that it has some`),
  ];
  return [
    `${counted}.`,
    ...(dropped.length > 0 ? [`Not all rules can be met: ${dropped.join('; ')}.`] : []),
    ...(stepLines.length > 0 ? ['Steps, one after the other; edit, then restart:', ...stepLines] : []),
    ...(repairLines.length > 0 ? ['Wrong numbers:', ...repairLines] : []),
    ...(narrowedLines.length > 0 ? ['For this machine alone, and open to others:', ...narrowedLines] : []),
    ...(byHand.length > 0 ? ['By hand:', ...byHand.map(plain)] : []),
    ...(remainingText(reorganisation) ? [remainingText(reorganisation).trim()] : []),
  ].join('\n');
}

/** What is not mended by writing. */
function remainingText({ remaining }: Reorganisation): string {
  if (remaining.length === 0) return '';
  return `\nLeft, for no port and no address mends it ("portolan check" tells more):\n${remaining.map(({ kind, summary }) => `  ${kind}: ${plain(summary)}`).join('\n')}`;
}

function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of [...new Set(words)].map(plain)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 108) lines[lines.length - 1] = `${last}, ${word}`;
    else lines.push(`     ${word}`);
  }
  return lines;
}

function target(text: string, before: Map<string, number> = new Map()): Map<string, number> {
  const [, name, number] = /^([^=]+)=(\d+)$/.exec(text) ?? [];
  if (name === undefined || number === undefined)
    throw new InvalidArgumentError('A move is written service=port, or service:label=port.');
  return new Map(before).set(name, port(number));
}
