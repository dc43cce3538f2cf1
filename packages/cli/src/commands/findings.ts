import { allItems, type FindingQuery } from '@portolan/client';
import { type Finding, findingKinds, findingStates, type Party, readRemedy, severities } from '@portolan/model';
import { Command } from 'commander';
import { oneOf, port } from '../argument.ts';
import { exitCodes } from '../exit-code.ts';
import { paint, plain, say, sayJson } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { painted } from '../severity.ts';
import { doubted } from '../store-doubt.ts';
import { writeError } from '../terminal.ts';

interface Options extends RemoteOptions {
  state?: Finding['state'] | 'all';
  kind?: Finding['kind'];
  severity?: Finding['severity'];
  port?: number;
  acknowledge?: string;
  reopen?: string;
  exitCode?: boolean;
}

export function findings(): Command {
  return remote(new Command('findings'))
    .description(
      'List what is wrong: collisions, squatting, blocked ports in use. Resolved findings only with --state.',
    )
    .option('--state <state>', `${findingStates.join(', ')}, all`, oneOf(...findingStates, 'all'))
    .option('--kind <kind>', findingKinds.join(', '), oneOf(...findingKinds))
    .option('--severity <severity>', severities.join(', '), oneOf(...severities))
    .option('--port <port>', 'of this port alone', port)
    .option('--acknowledge <id>', 'mark a finding as seen')
    .option('--reopen <id>', 'take back that it was seen')
    .option('--exit-code', `end with ${exitCodes.findings.code} when there are any: for scripts and CI`)
    .addHelpText('after', examples('portolan findings', 'portolan collisions --severity error --exit-code'))
    .action(async (options: Options) => {
      const client = await clientOf(options);
      if (options.acknowledge !== undefined) {
        const finding = await client.acknowledge(options.acknowledge);
        return options.json ? sayJson(finding) : say(`${options.acknowledge} is acknowledged`);
      }
      if (options.reopen !== undefined) {
        const finding = await client.reopen(options.reopen);
        return options.json ? sayJson(finding) : say(`${options.reopen} is ${finding.state}`);
      }
      const { state, kind, severity, port: of } = options;
      const {
        answer: items,
        source,
        doubt,
      } = await doubted(options, (from) =>
        allItems((query: FindingQuery) => from.findings(query), { state, kind, severity, port: of }),
      );
      if (doubt) writeError(`portolan: the store takes no writes now, so findings may be old (${doubt}).\n`);
      if (options.json) sayJson({ items, ...(source && { source }) });
      else say(items.length === 0 ? none(doubt) : items.toSorted(byUrgency).map(told).join('\n\n'));
      if (options.exitCode && items.length > 0) process.exitCode = exitCodes.findings.code;
    });
}

function none(doubt: string | undefined): string {
  return doubt ? 'No finding is known.' : 'Nothing is wrong.';
}

function byUrgency(a: Finding, b: Finding): number {
  return severities.indexOf(a.severity) - severities.indexOf(b.severity) || (a.port ?? 0) - (b.port ?? 0);
}

function told({
  id,
  kind,
  severity,
  class: bites,
  state,
  summary,
  parties,
  remedies,
  firstSeen,
  note,
}: Finding): string {
  const title = [painted(severity), bites ? `${bites} ${kind}` : kind, state === 'open' ? '' : `(${state})`];
  return [
    `${title.filter(Boolean).join(' ')}: ${plain(summary)}`,
    ...parties.filter((party) => !isHostAlone(party)).map((party) => `  - ${partyText(party)}`),
    ...remedies.flatMap(wayOut),
    ...(note ? [`  " ${plain(noteText(note))}`] : []),
    paint('dim', `  ${id}, since ${firstSeen}`),
  ].join('\n');
}

/** A command stands on a line of its own, so that it can be copied. */
function wayOut(remedy: string): string[] {
  const { command, text } = readRemedy(remedy);
  if (command === undefined) return [`  > ${plain(remedy)}`];
  return [`  > ${plain(command)}`, ...(text ? [`    ${plain(text)}`] : [])];
}

function noteText({ text, assignee, by, at }: NonNullable<Finding['note']>): string {
  return `${text} (${by}, ${at.slice(0, 16).replace('T', ' ')}${assignee === null ? '' : `; for ${assignee}`})`;
}

/** The summary names it. */
function isHostAlone({ service, endpoint, address, pid }: Party): boolean {
  return service === null && endpoint === null && address === null && pid === null;
}

function partyText({ service, claim, host, address, pid, user, command, evidence }: Party): string {
  const parts = [service ?? 'unknown', claim];
  if (host) parts.push(`on ${plain(host.name)}`);
  if (address) parts.push(address);
  if (pid !== null) parts.push(`pid ${pid}`);
  if (user) parts.push(plain(user));
  if (command) parts.push(plain(command));
  if (evidence?.guess) parts.push('project guessed from its directory');
  return parts.join(', ');
}
