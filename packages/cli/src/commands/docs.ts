import { dirname, relative } from 'node:path';
import { PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { exitCodes } from '../exit-code.ts';
import { say } from '../output.ts';
import { inTree, type PlanOptions, planned, subjectOf } from '../plan-subject.ts';
import { diffText, writeTree } from '../plan-write.ts';
import { examples } from '../remote.ts';

interface Options extends PlanOptions {
  output?: string;
  check?: boolean;
  yes?: boolean;
}

export function docs(): Command {
  return planned(new Command('docs'))
    .description(
      'Write the plan down as Markdown: ports by range, who depends on whom (Mermaid), health checks, blocked ports, ' +
        'findings. With -o it goes between the markers of that document, which else stays as it is.',
    )
    .option('-o, --output <file>', 'the document; it is made when it is not there')
    .option(
      '--check',
      `with -o: write nothing, and end with ${exitCodes.findings.code} when the document is out of date`,
    )
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      examples('portolan docs', 'portolan docs -o docs/ports.md', 'portolan docs -o docs/ports.md --check'),
    )
    .action(async (paths: string[], { output, check: verify, yes, ...options }: Options) => {
      const plan = await import('@portolan/plan');
      const { subject, survey } = await subjectOf(paths, options);
      const findings = plan.check(subject);
      const chart = plan.chartOf(subject);
      if (output === undefined) {
        if (verify) throw new PortolanError('invalid-request', '--check wants -o and the document to look at');
        return say(plan.portMap(chart, findings, 2));
      }
      const file = inTree(survey.root, output);
      const before = plan.readText(survey.root, file);
      const after = plan.embedded(before, plan.portMap(chart, findings, 2), relative(process.cwd(), output) || output);
      if (after === before) return say(`${output} is up to date`);
      if (verify) {
        say(diffText([{ file, before, after }]));
        say(`${output} is out of date: portolan docs -o ${output}`);
        process.exitCode = exitCodes.findings.code;
        return;
      }
      await writeTree({ root: survey.root, named: [dirname(output)] }, [{ file, before, after }], `docs: ${file}`, {
        yes: yes ?? before === null,
      });
      say(`${output} is written; "portolan undo" takes it back.`);
    });
}
