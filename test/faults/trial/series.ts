import { inParallel, runChild } from '../child.ts';
import type { TrialOptions } from './options.ts';
import type { Summary } from './summary.ts';

/** Runs a trial of each seed in a process of its own and tells what came of all of them. @returns exit code */
export async function runSeries(options: TrialOptions, seeds: readonly number[], parallel: number): Promise<number> {
  const summaries: Summary[] = [];
  let broken = 0;
  await inParallel(seeds, parallel, async (seed) => {
    const { output, code } = await runChild(argumentsOf({ ...options, seed }));
    const summary = summaryIn(output);
    if (summary) summaries.push(summary);
    else broken++;
    process.stdout.write(summary ? `${JSON.stringify(summary)}\n` : `seed ${seed} ended with ${code}:\n${output}\n`);
  });
  process.stdout.write(`\n${describe(summaries, broken)}`);
  return broken > 0 || summaries.some(({ violations }) => violations > 0) ? 1 : 0;
}

function argumentsOf({ store, seed, seconds, services, faults, ack, tmpfs }: TrialOptions): string[] {
  return [
    ...['--quiet', '--store', store, '--seed', `${seed}`, '--seconds', `${seconds}`, '--services', `${services}`],
    ...(faults ? ['--faults', faults.join(',')] : []),
    ...(ack === undefined ? [] : ['--ack', ack]),
    ...(tmpfs ? ['--tmpfs'] : []),
  ];
}

/** The line at the end of what a trial wrote; nothing when it broke off. */
export function summaryIn(output: string): Summary | undefined {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  return line.startsWith('{"store"') ? (JSON.parse(line) as Summary) : undefined;
}

function describe(summaries: readonly Summary[], broken: number): string {
  const faults = summaries.flatMap((each) => each.faults);
  const sum = (what: string) => summaries.reduce((total, { counts }) => total + (counts[what] ?? 0), 0);
  const outcomes = ['ok', 'fail', 'unknown', 'undone', 'refused'].map((outcome) => `${sum(outcome)} ${outcome}`);
  const resets = summaries.reduce((total, each) => total + each.resets.length, 0);
  return [
    `${summaries.length} trials${broken > 0 ? `, ${broken} more did not come to an end` : ''}`,
    `${sum('operations')} operations (${outcomes.join(', ')}), ${faults.length} faults, ${resets} resets`,
    'longest time without an acknowledged write (ms, median / longest):',
    ...Array.from(
      Map.groupBy(faults, ({ name }) => name),
      ([name, list]) => {
        const pauses = list.map(({ longest }) => longest).sort((a, b) => a - b);
        return `  ${name} ${pauses[Math.floor(pauses.length / 2)]} / ${pauses.at(-1)} (${list.length} times)`;
      },
    ).sort(),
    ...tallies('notes', summaries, ({ notes }) => notes),
    ...tallies('violations', summaries, ({ kinds }) => kinds),
    '',
  ].join('\n');
}

function tallies(
  title: string,
  summaries: readonly Summary[],
  of: (summary: Summary) => Summary['notes'],
): readonly string[] {
  const all = summaries.flatMap((summary) =>
    Object.entries(of(summary)).map(([name, { n }]) => ({ name, n, summary })),
  );
  const lines = Array.from(
    Map.groupBy(all, ({ name }) => name),
    ([name, list]) => {
      const times = list.reduce((total, { n }) => total + n, 0);
      return `  ${name}: ${times} (seeds ${list.map(({ summary }) => summary.seed).sort((a, b) => a - b)})`;
    },
  );
  return [`${title}: ${lines.length === 0 ? 'none' : ''}`, ...lines];
}
