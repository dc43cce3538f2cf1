import { readFile } from 'node:fs/promises';
import { severities } from '@portolan/model';
import type { PlanFinding, ReportFormat } from '@portolan/plan';
import { Command } from 'commander';
import { oneOf } from '../argument.ts';
import { exitCodes } from '../exit-code.ts';
import { plain, say } from '../output.ts';
import { writeOutput } from '../output-file.ts';
import { findingText } from '../plan-finding.ts';
import { type PlanOptions, planned, subjectOf } from '../plan-subject.ts';
import { examples } from '../remote.ts';
import { version } from '../version.ts';

interface Options extends PlanOptions {
  format: 'text' | ReportFormat;
  json?: boolean;
  output?: string;
  force?: boolean;
  baseline?: string;
  writeBaseline?: string;
  failOn: PlanFinding['severity'] | 'never';
}

/** Notes of the import on what it could not look into: what stands there was not checked. */
const NOT_READ = /^(?:is (?:passed over|nested|no text|no valid)|could not be read|more than)/;

export function check(): Command {
  return planned(new Command('check'))
    .description(
      'Compare the plan with what the files say, and with --live with the fleet: collisions, drift, ports out of range ' +
        'and more, each with its evidence and the fix. Without a portolan.yaml the plan is drafted from the files first. Changes nothing.',
    )
    .option(
      '--format <format>',
      'text, json, sarif, github, junit',
      oneOf('text', 'json', 'sarif', 'github', 'junit'),
      'text',
    )
    .option('--json', 'the same as --format json; errors as problem JSON on stderr')
    .option('-o, --output <file>', 'write the report there, and a summary to stdout')
    .option('--force', 'overwrite a file that is there, whoever wrote it')
    .option('--baseline <file>', 'findings that are put up with: only new ones are told')
    .option('--write-baseline <file>', 'put up with what is found now')
    .option(
      '--fail-on <severity>',
      `end with ${exitCodes.findings.code} from this severity on: ${severities.join(', ')}, never`,
      oneOf(...severities, 'never'),
      'warning',
    )
    .addHelpText(
      'after',
      examples(
        'portolan check',
        'portolan check services docs -f portolan.yaml --live',
        'portolan check --format sarif -o portolan.sarif',
        'portolan check --baseline portolan.baseline.json',
      ),
    )
    .action(async (paths: string[], options: Options) => {
      const { check: checked, readBaseline, reportFormats, writeBaseline } = await import('@portolan/plan');
      const { subject, survey } = await subjectOf(paths, options);
      const all = checked(subject);
      const known = options.baseline
        ? readBaseline(await readFile(options.baseline, 'utf8'), options.baseline)
        : new Set<string>();
      const findings = all.filter(({ id }) => !known.has(id));
      if (options.writeBaseline) await writeOutput(options.writeBaseline, writeBaseline(all), options.force);

      const { services, project } = subject.manifest;
      const report = {
        findings,
        known: all.length - findings.length,
        project,
        services: Object.keys(services).length,
        endpoints: Object.values(services).reduce((sum, { endpoints }) => sum + Object.keys(endpoints).length, 0),
        files: survey.files.length,
        notes: survey.notes.filter(({ text }) => NOT_READ.test(text)).map(({ place, text }) => `${place.file} ${text}`),
        version: version(),
      };
      const format = options.json ? 'json' : options.format;
      const text = format === 'text' ? reportText(report) : reportFormats[format](report);
      if (options.output) {
        await writeOutput(options.output, `${text}\n`, options.force);
        say(summaryOf(report));
      } else if (text !== '') {
        say(text);
      }
      if (options.writeBaseline) return;
      const bad = severities.slice(0, options.failOn === 'never' ? 0 : severities.indexOf(options.failOn) + 1);
      if (findings.some(({ severity, doubt }) => doubt === undefined && bad.includes(severity))) {
        process.exitCode = exitCodes.findings.code;
      }
    });
}

interface Counted {
  findings: readonly PlanFinding[];
  known: number;
  services: number;
  endpoints: number;
  files: number;
  notes: readonly string[];
}

function reportText(report: Counted): string {
  const sure = report.findings.filter(({ doubt }) => doubt === undefined);
  const unsure = report.findings.filter(({ doubt }) => doubt !== undefined);
  const doubts = unsure.length > 0 ? [`Not sure, so it counts for nothing:\n${unsure.map(doubtText).join('\n')}`] : [];
  const unread =
    report.notes.length > 0 ? [`Not looked into:\n${report.notes.map((note) => `  ${plain(note)}`).join('\n')}`] : [];
  return [...sure.map(findingText), ...doubts, ...unread, summaryOf(report)].join('\n\n');
}

function doubtText({ kind, summary, doubt }: PlanFinding): string {
  return `  ${kind}: ${plain(summary)} (${doubt})`;
}

/** `3 findings (2 errors, 1 warning) in 46 services …` */
function summaryOf({ findings, known, services, endpoints, files }: Counted): string {
  const sure = findings.filter(({ doubt }) => doubt === undefined);
  const counts = severities
    .map((severity) => [sure.filter((finding) => finding.severity === severity).length, severity] as const)
    .filter(([count]) => count > 0)
    .map(([count, severity]) => `${count} ${severity}${count === 1 || severity === 'info' ? '' : 's'}`);
  const what =
    sure.length === 0
      ? 'Nothing is wrong'
      : `${sure.length} ${sure.length === 1 ? 'finding' : 'findings'} (${counts.join(', ')})`;
  const rest = known > 0 ? `; ${known} more in the baseline` : '';
  return `${what} in ${counted(services, 'service')} with ${counted(endpoints, 'endpoint')}, by ${counted(files, 'file')}${rest}.`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
