import { PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { oneOf, port } from '../argument.ts';
import { plain, say, sayJson } from '../output.ts';
import { MANIFEST, type PlanOptions, portsInUse, subjectOf } from '../plan-subject.ts';
import { writeTree } from '../plan-write.ts';
import { collect, examples } from '../remote.ts';

interface Options extends PlanOptions {
  port?: number;
  range?: string;
  like?: string;
  description?: string;
  runtime?: string;
  status?: 'required' | 'optional';
  needs?: string[];
  internalOnly?: boolean;
  yes?: boolean;
}

export function add(): Command {
  return new Command('add')
    .description(
      `Add a service: chooses its port by the rules of the plan, and writes it into ${MANIFEST} and into the files that tell ` +
        'of the services beside it (compose, PM2, Prometheus, tables, env files), in their manner. Shows the diff and asks first.',
    )
    .argument('<service>', 'its name')
    .argument('[folder]', 'the folder with the plan', '.')
    .option('-f, --file <manifest>', `the plan (default: ${MANIFEST} of the folder)`, collect)
    .option('--port <port>', 'this port and no other', port)
    .option('--range <name>', 'the range that it belongs to')
    .option(
      '--like <service>',
      'the service after whose manner it is written down (default: the one before it in its range)',
    )
    .option('--description <text>', 'what it is for')
    .option('--runtime <text>', 'what it runs on: Go, Node')
    .option('--status <status>', 'required, optional', oneOf('required', 'optional'))
    .option('--needs <service>', 'a service that it depends on; may stand several times', collect)
    .option('--internal-only', 'it must not be reachable from outside')
    .option('--live', 'pass over ports that somebody is seen on or was promised')
    .option(
      '--url <url>',
      'with --live: coordinator (default: PORTOLAN_URL, else that of your "portolan up", else http://127.0.0.1:7678)',
    )
    .option('--token <token>', 'with --live: token; better in PORTOLAN_TOKEN')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'answer in JSON, errors as problem JSON on stderr')
    .addHelpText(
      'after',
      examples(
        'portolan add games-server --range servers',
        'portolan add games-web --like chat-web --needs games-server',
      ),
    )
    .action(
      async (
        service: string,
        folder: string,
        { yes, json, needs = [], file, live, url, token, ...wanted }: Options,
      ) => {
        const { addService, readText } = await import('@portolan/plan');
        const { survey, subject, manifests, named } = await subjectOf([folder], { file, live, url, token });
        const [manifest] = manifests;
        if (manifest === undefined) {
          throw new PortolanError(
            'not-found',
            `There is no ${MANIFEST} in ${folder} to add ${service} to: "portolan import ${folder} -o ${MANIFEST}" drafts one`,
          );
        }
        const { changes, ...addition } = addService(
          subject,
          { ...wanted, name: service, needs },
          manifest,
          (path) => readText(survey.root, path),
          portsInUse(subject),
        );
        if (!json) say(`${plain(service)} gets ${addition.port}: ${addition.why}.\n`);
        await writeTree({ root: survey.root, named }, changes, `add ${service}`, { yes, quiet: json });
        const files = changes.map((change) => change.file);
        if (json) return sayJson({ service, ...addition, files });
        const rest = addition.lookAt.map(
          (path) => `  ${plain(path)} has ${addition.like}; look whether ${plain(service)} is there as it should be`,
        );
        say([`${service} has ${addition.port}; "portolan undo" takes it back.`, ...rest].join('\n'));
      },
    );
}
