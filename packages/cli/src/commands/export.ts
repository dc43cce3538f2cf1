import type { ExportFormat } from '@portolan/plan';
import { Command } from 'commander';
import { oneOf } from '../argument.ts';
import { say } from '../output.ts';
import { writeOutput } from '../output-file.ts';
import { type PlanOptions, planned, subjectOf } from '../plan-subject.ts';
import { examples } from '../remote.ts';
import { writeExact } from '../terminal.ts';

interface Options extends PlanOptions {
  format: ExportFormat;
  output?: string;
  force?: boolean;
}

export function exportPlan(): Command {
  return planned(new Command('export'))
    .description('Write the ports of the plan for other programs.')
    .requiredOption(
      '--format <format>',
      'env (NAME_PORT=3001), compose (an override file), pm2 (a module), prometheus (file_sd), csv, json',
      oneOf('env', 'compose', 'pm2', 'prometheus', 'csv', 'json'),
    )
    .option('-o, --output <file>', 'write it there; else to stdout')
    .option('--force', 'overwrite a file that is there, whoever wrote it')
    .addHelpText(
      'after',
      examples('portolan export --format env > .env.ports', 'portolan export --format compose -o compose.ports.yaml'),
    )
    .action(async (paths: string[], { format, output, force, ...options }: Options) => {
      const { chartOf, exportFormats } = await import('@portolan/plan');
      const { subject } = await subjectOf(paths, options);
      const text = exportFormats[format](chartOf(subject));
      if (output) {
        await writeOutput(output, text, force);
        say(`${output} is written`);
      } else writeExact(text);
    });
}
