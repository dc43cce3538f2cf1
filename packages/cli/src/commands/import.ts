import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Name, PortolanError } from '@portolan/model';
import type { Draft, Survey } from '@portolan/plan';
import { Command, InvalidArgumentError, Option } from 'commander';
import { paint, plain, say, sayJson, table } from '../output.ts';
import { writeOutput } from '../output-file.ts';
import { inTree, MANIFEST, progressLine } from '../plan-subject.ts';
import { collect, examples } from '../remote.ts';
import { writeExact } from '../terminal.ts';

interface Options {
  output?: string;
  project?: string;
  ignore?: string[];
  force?: boolean;
  merge?: boolean;
  json?: boolean;
  verbose?: boolean;
}

/** Lines of a kind that the summary shows before it says how many more there are. */
const SHOWN = 20;

export function importCommand(): Command {
  return new Command('import')
    .description(
      'Read what is there (documents, compose files, .env, PM2, Dockerfiles, proxies, sources, …) and draft a portolan.yaml from it, ' +
        'each port with the file and line that says it. Runs nothing and changes no other file.',
    )
    .argument('<paths...>', 'files and folders to read; .gitignore is respected')
    .option('-o, --output <file>', 'where the manifest goes; - for stdout (default: portolan.yaml in the first folder)')
    .option(
      '--project <name>',
      'project of the services (default: that of the manifest to merge with, else the name of the folder)',
      projectName,
    )
    .option('--ignore <pattern>', 'pass over what matches, as in a .gitignore; may stand several times', collect)
    .addOption(new Option('--force', 'overwrite a manifest that is there').conflicts('merge'))
    .option('--merge', 'add what is new to the manifest that is there; what it says and its comments stay')
    .option('--json', 'answer in JSON: the manifest, and each fact with its place. Writes a file only with --output')
    .option('-v, --verbose', 'tell all that was not sure, and each service with its reasons')
    .addHelpText(
      'after',
      examples(
        'portolan import .',
        'portolan import docs/PORTS.md services -o portolan.yaml --project mana',
        'portolan import . --merge',
      ),
    )
    .action(async (paths: string[], options: Options) => {
      const { draftWithDoubts, mergeDraft, parseManifest, survey } = await import('@portolan/plan');
      const output = options.output ?? join(folderOf(paths[0]!), MANIFEST);
      const writes = output !== '-' && (!options.json || options.output !== undefined);
      if (writes) refuseOverwriting(output, options);
      const before =
        writes && options.merge && existsSync(output)
          ? parseManifest(await readFile(output, 'utf8'), output)
          : undefined;
      const progress = progressLine();
      const project = options.project ?? before?.manifest.project;
      const ignore = [...(options.ignore ?? []), ...(before?.manifest.ignore ?? [])];
      let found: Survey;
      try {
        found = survey(paths, { ...(project === undefined ? {} : { project }), ignore, progress: progress.tell });
      } finally {
        progress.end();
      }
      const base =
        output === '-'
          ? ''
          : relative(resolve(dirname(output)), found.root)
              .split(sep)
              .join('/');
      const drafted = draftWithDoubts(
        found,
        base,
        inTree(found.root, output === '-' ? join(found.root, MANIFEST) : output),
      );
      const merged = before && mergeDraft(before, drafted, output);
      if (writes) await writeOutput(output, merged?.text ?? drafted.text, options.force || options.merge);

      if (options.json)
        sayJson({
          project: found.project,
          root: found.root,
          manifest: drafted.input,
          services: found.services,
          facts: found.facts,
          notes: found.notes,
          files: found.files,
        });
      else if (output === '-') writeExact(drafted.text);
      if (!options.json && output !== '-') say(summary(found, drafted, options.verbose ?? false));
      if (!options.json && writes)
        say(
          merged
            ? mergedText(output, merged)
            : `\nWritten to ${paint('bold', plain(output))}. Read it over; "portolan check" then compares it with the files.`,
        );
    });
}

function projectName(text: string): string {
  const parsed = Name.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`${parsed.error.issues[0]?.message}.`);
  return parsed.data;
}

function folderOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : '.';
}

function refuseOverwriting(output: string, { force, merge }: Options): void {
  if (force || merge || !existsSync(output)) return;
  throw new PortolanError(
    'invalid-request',
    `${output} is there already. --merge adds what is new to it, --force overwrites it, -o names another file, -o - writes to stdout`,
    { path: output },
  );
}

function summary(found: Survey, drafted: Draft, verbose: boolean): string {
  const { services, ranges, blocked } = drafted.manifest;
  const open = Object.keys(drafted.manifest.unsure).length;
  const rows = Object.entries(services).flatMap(([name, { endpoints, directory }]) => {
    const labels = Object.entries(endpoints);
    if (labels.length === 0) return [[plain(name), paint('dim', 'no port of a host'), '', plain(directory ?? '')]];
    const told = labels.map(([label, { port, planned, protocol }]) => ({
      called: plain(label === 'default' ? name : `${name}:${label}`),
      port,
      protocol: protocol === 'udp' ? '/udp' : '',
      planned: planned === undefined ? '' : `planned ${planned}`,
      by: plain(placeOf(drafted, name, label)),
    }));
    return told.flatMap((row, index) => {
      const run = runFrom(told, index);
      if (run === 0) return [];
      const last = told[index + run - 1]!.port;
      return [[row.called, `${row.port}${run > 1 ? `-${last}` : ''}${row.protocol}`, row.planned, row.by]];
    });
  });
  const ports = Object.values(services).flatMap(({ endpoints }) => Object.values(endpoints));
  const counts = [
    count(Object.keys(services).length, 'service'),
    count(ports.filter(({ port, planned }) => typeof port === 'number' || planned !== undefined).length, 'port'),
    count(Object.keys(ranges).length, 'range'),
    `${blocked.length} blocked`,
    ...(open > 0 ? [`${open} left open`] : []),
  ];
  const known = new Set(found.services.flatMap(({ endpoints }) => endpoints.map(({ port }) => port)));
  const unsure = found.facts.filter(
    (fact) =>
      fact.sure === 'unsure' &&
      (fact.kind === 'binds' || (fact.kind === 'states' && fact.service && !known.has(fact.port))),
  );
  const lines = [
    ...(rows.length > 0 ? [table(['SERVICE', 'PORT', '', 'BY'], rows), ''] : []),
    `${counts.join(', ')}, by ${found.files.length} of ${count(found.walked, 'file')}.`,
  ];
  if (verbose) lines.push(...reasonLines(found));
  if (unsure.length > 0) {
    lines.push('', 'Not sure, so it is not in the manifest:');
    const told = unsure.map(
      ({ place, why, ...fact }) =>
        `  ${plain(`${place.file}:${place.line}`)}  ${'port' in fact ? fact.port : ''}: ${plain(why ?? '')}`,
    );
    lines.push(...shortened(told, verbose));
  }
  if (found.notes.length > 0) {
    lines.push('', 'Worth knowing:');
    const told = found.notes.map(
      ({ place, text }) =>
        `  ${plain(place.line === undefined ? place.file : `${place.file}:${place.line}`)}  ${plain(text)}`,
    );
    lines.push(...shortened(told, verbose));
  }
  return lines.join('\n');
}

interface Row {
  port: number | string;
  protocol: string;
  by: string;
}

/** How many rows are told in one from here on: neighbouring ports that one line publishes. 0 for what an earlier row tells. */
function runFrom(rows: readonly Row[], index: number): number {
  const goesOn = (at: number) => {
    const [row, next] = [rows[at], rows[at + 1]];
    return (
      typeof row?.port === 'number' &&
      next?.port === row.port + 1 &&
      next.by === row.by &&
      row.by !== '' &&
      next.protocol === row.protocol
    );
  };
  if (goesOn(index - 1)) return 0;
  let end = index;
  while (goesOn(end)) end++;
  return end - index + 1;
}

function placeOf({ comments }: Draft, service: string, label: string): string {
  const path = `services/${service}/endpoints/${label}`;
  return comments.get(`${path}/port`) ?? comments.get(`${path}/planned`) ?? '';
}

function reasonLines(found: Survey): string[] {
  const told = found.services.filter(({ reasons }) => reasons.length > 0);
  return told.flatMap(({ name, reasons }) => ['', `${plain(name)}:`, ...reasons.map((reason) => `  ${plain(reason)}`)]);
}

function shortened(lines: readonly string[], all: boolean): string[] {
  if (all || lines.length <= SHOWN) return [...lines];
  return [...lines.slice(0, SHOWN), `  and ${lines.length - SHOWN} more (--verbose tells them)`];
}

function mergedText(output: string, { added, kept }: { added: readonly string[]; kept: readonly string[] }): string {
  const what = added.length === 0 ? 'Nothing new' : `Added to ${plain(output)}: ${added.map(plain).join(', ')}`;
  const rest = kept.map((line) => `  ${plain(line)}`);
  return `\n${what}.${rest.length > 0 ? `\nLeft as the manifest has it:\n${rest.join('\n')}` : ''}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
