import { parseArgs } from 'node:util';
import { runAllCases, runCase } from './cases/run.ts';
import { faultsFor } from './trial/faults.ts';
import { type StoreKind, stores, type TrialOptions } from './trial/options.ts';
import { runSeries } from './trial/series.ts';
import { runTrial } from './trial/trial.ts';

const USAGE = `npm run faults -- --store redis|sentinel|sqlite --seed N --seconds S     one trial
npm run faults -- --store redis --seeds 1-8 --parallel 4 --seconds S     several
  --services N   clients, each with the ports of one service (40)
  --faults a,b   of these alone
  --ack LEVEL    for "portolan server"
  --tmpfs        the store on a disk of 24 MiB, which is filled now and then; needs root
  --quiet        nothing but the line at the end
npm run faults -- case NAME                     one case
npm run faults -- cases [NAME...] [--parallel P]   all of them, or these
`;

/** @returns exit code: 0 when all held, 1 when something did not, 2 when the arguments make no sense */
export async function runFaults(args: string[]): Promise<number> {
  const asked = parse(args);
  if (asked === undefined) return 2;
  const { positionals, values } = asked;
  const [command, ...names] = positionals;
  const parallel = Number(values.parallel);
  if (command === 'case' && names.length === 1) return runCase(names[0] as string);
  if (command === 'cases') return runAllCases(names, parallel);
  const store = stores.find((each) => each === values.store);
  if (command !== undefined || store === undefined) return refuse('Say which store, or which case.');
  const options = optionsOf(store, values);
  try {
    faultsFor(options);
  } catch (error) {
    return refuse((error as Error).message);
  }
  if (values.seeds === undefined) return runOne(options, values.quiet);
  const [from = 1, to = from] = values.seeds.split('-').map(Number);
  const seeds = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return runSeries(options, seeds, parallel);
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        store: { type: 'string' },
        seed: { type: 'string', default: '1' },
        seeds: { type: 'string' },
        parallel: { type: 'string', default: '1' },
        seconds: { type: 'string', default: '60' },
        services: { type: 'string', default: '40' },
        faults: { type: 'string' },
        ack: { type: 'string' },
        tmpfs: { type: 'boolean', default: false },
        quiet: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    refuse((error as Error).message);
    return undefined;
  }
}

type Values = NonNullable<ReturnType<typeof parse>>['values'];

function optionsOf(store: StoreKind, { seed, seconds, services, faults, ack, tmpfs }: Values): TrialOptions {
  const numbers = { seed: Number(seed), seconds: Number(seconds), services: Number(services) };
  return { store, ...numbers, faults: faults?.split(','), ack, tmpfs };
}

async function runOne(options: TrialOptions, quiet: boolean): Promise<number> {
  const summary = await runTrial(options, (line) => {
    if (!quiet) process.stdout.write(`${line}\n`);
  });
  process.stdout.write(`${JSON.stringify(summary)}\n`);
  return summary.violations > 0 ? 1 : 0;
}

function refuse(why: string): number {
  process.stderr.write(`${why}\n\n${USAGE}`);
  return 2;
}
