import { hostname } from 'node:os';
import type { PortolanClient } from '@portolan/client';
import {
  formatEndpoint,
  formatInterval,
  type HostListener,
  likeness,
  PortolanError,
  type PortReport,
  parseServiceId,
  serviceId,
  UNKNOWN_PROJECT,
} from '@portolan/model';
import { Command } from 'commander';
import { ago } from '../age.ts';
import { port } from '../argument.ts';
import { paint, plain, say, sayJson } from '../output.ts';
import { tellNotes } from '../port-notes.ts';
import { stopped } from '../problem-text.ts';
import { reading } from '../reading.ts';
import { examples, type RemoteOptions, remote } from '../remote.ts';
import { painted } from '../severity.ts';

export function who(): Command {
  return remote(new Command('who'))
    .description('Tell who has a port in the whole fleet: by promise, by evidence, and by rule.')
    .argument('<port>', 'port', port)
    .addHelpText('after', examples('portolan who 3050', 'portolan who 3050 --json'))
    .action(async (number: number, options: RemoteOptions) => {
      const { answer: report, source } = await reading(options, async (client) =>
        client.port(number, { host: await asker(client) }),
      ).catch((error: unknown) => {
        if (error instanceof PortolanError && (error.code === 'unreachable' || error.code === 'stranger'))
          return tellHere(number, error, options);
        throw error;
      });
      const nobody = report.assignments.length === 0 && report.listeners.length === 0;
      if (options.json) sayJson({ ...report, ...(source && { source }) });
      else if (!nobody) say(told(report));
      if (!options.json && !nobody) tellNotes(report.notes);
      if (nobody) {
        const rules = [...rests(report), ...whatBlocks(report), ...ranges(report)];
        if (!options.json && rules.length > 0) say(rules.join('\n'));
        if (!options.json) tellNotes(report.notes);
        throw new PortolanError('not-found', `Nobody has port ${number}`, { port: number });
      }
    });
}

/** Notes on a port are not worth a wait for an agent that hangs, ms. */
const ASKER_WITHIN = 300;

async function asker(client: PortolanClient): Promise<string | undefined> {
  const { ownHost } = await import('@portolan/client/node');
  const late = new Promise<undefined>((resolve) => void setTimeout(resolve, ASKER_WITHIN, undefined).unref());
  return Promise.race([ownHost(client).catch(() => undefined), late]);
}

/** With no coordinator this machine still knows who listens on it. The error stands: it is not the fleet's answer. */
async function tellHere(number: number, error: PortolanError, { json }: RemoteOptions): Promise<never> {
  const { occupantsOf } = await import('../occupant.ts');
  const listeners = (await occupantsOf(number, 'any')).map((each) => ({ ...each, host: hostname() }));
  if (json) sayJson({ port: number, scope: 'host', listeners });
  else if (listeners.length > 0) say(listeners.map((each) => sighting({ hosts: {} }, each)).join('\n'));
  else say(`On this machine, nobody whom this user can see listens on ${number}.`);
  const told = `${stopped(error.message)} What is told is what this machine alone knows.`;
  throw new PortolanError(error.code, told, error.data, { cause: error });
}

function told(report: PortReport): string {
  const open = report.findings.filter(({ state }) => state !== 'resolved');
  return [
    ...promises(report),
    ...rests(report),
    ...report.listeners.map((listener) => sighting(report, listener)),
    ...unsaid(report),
    ...whatBlocks(report),
    ...ranges(report),
    ...open.map((finding) => `${painted(finding.severity)} ${plain(finding.summary)}`),
  ].join('\n');
}

function promises({ port: number, assignments, listeners }: PortReport): string[] {
  const lines = assignments.map((assignment) => {
    const { protocol, endpoint, state, lease, unattended, purpose, provisional } = assignment;
    const details = [lease ? `lease of ${lease.ttl} s` : 'permanent'];
    if (provisional)
      details.push(`provisional: given by the agent of host ${plain(provisional)} without a coordinator`);
    if (unattended) details.push(`${unattended}: it lasts as long as its listener`);
    const holder = holderOf(assignment);
    if (holder) details.push(`held by ${holder}`);
    if (purpose) details.push(plain(purpose));
    const perhaps = listeners.some(
      ({ protocol: at, identity }) =>
        at === protocol && identity !== null && likeness(identity, serviceId(endpoint)) === 'perhaps',
    );
    const seen = state === 'pending' && perhaps ? PERHAPS : evidence[state];
    return `${protocol} ${number} belongs to ${paint('bold', formatEndpoint(endpoint))} (${details.join('; ')}): ${seen}.`;
  });
  if (lines.length > 0) return lines;
  const own = listeners.flatMap(({ identity }) => (identity?.evidence.own ? identity.service : []));
  if (own.length > 0)
    return [...new Set(own)].map((service) => `${number} is Portolan's ${parseServiceId(service).service}.`);
  return [`${number} is promised to nobody.`];
}

/** By their own word. */
function holderOf({ holder, process }: PortReport['assignments'][number]): string {
  const since = process && `process ${process.pid}, started ${ago(new Date(process.startedAt).toISOString())}`;
  return [holder && plain(holder), since].filter(Boolean).join(', ');
}

function rests({ port: number, resting }: PortReport): string[] {
  return resting.map(
    ({ protocol, endpoint, until }) =>
      `${protocol} ${number} rests until ${until}: it was ${formatEndpoint(endpoint)}'s, whose process may live yet.`,
  );
}

const evidence = {
  pending: 'nobody listens on it yet',
  bound: 'and it listens',
  squatted: 'but somebody else listens on it',
} as const;
const PERHAPS = 'perhaps it listens; whoever does has its name, and runs in a directory that is called otherwise';

function sighting(
  { hosts }: Pick<PortReport, 'hosts'>,
  { host, protocol, address, port, netns, process, container, identity }: HostListener,
): string {
  const place = plain(hosts[host]?.name ?? host);
  const at = `${protocol} ${address.includes(':') ? `[${address}]` : address}:${port}`;
  const name = identity ? paint('bold', nameOf(identity.service)) : 'a process that nobody can name';
  const lines = [`On ${place}, ${name} listens on ${at}${netns === 'host' ? '' : ` in ${netns}`}`];
  const gone = hosts[host];
  if (gone && gone.state !== 'alive') lines.push(`  stale: ${place} is ${gone.state} since ${ago(gone.stateSince)}`);
  if (process)
    lines.push(
      `  pid ${process.pid}, user ${plain(process.user ?? String(process.uid ?? '?'))}: ${plain(process.commandLine || process.command)}`,
    );
  else lines.push('  its process could not be seen: the agent lacks the rights, or the kernel itself has the socket');
  if (container)
    lines.push(
      `  container ${plain(container.name ?? container.id.slice(0, 12))}${container.image ? ` of ${plain(container.image)}` : ''}`,
    );
  if (identity) lines.push(`  known by ${identity.evidence.kind}: ${plain(identity.evidence.detail)}`);
  return lines.join('\n');
}

function nameOf(id: string): string {
  const { project, service } = parseServiceId(id);
  return project === UNKNOWN_PROJECT ? `${service} (project unknown)` : id;
}

/** Of a port that a thousand hosts listen on, some of each service are told. */
function unsaid({ listeners, listenerCount = 0, findings, findingCount = 0 }: PortReport): string[] {
  const more = listenerCount - listeners.length;
  const found = findingCount - findings.length;
  return [
    ...(more > 0 ? [`And ${more} more listen on it: "portolan ls --listeners" lists every one.`] : []),
    ...(found > 0 ? [`And ${found} more findings are about it: "portolan findings" lists them.`] : []),
  ];
}

function whatBlocks({ blocks }: PortReport): string[] {
  return blocks.map(
    (block) =>
      `Blocked (${formatInterval(block)}${block.protocol ? ` ${block.protocol}` : ''}): ${plain(block.reason)}.`,
  );
}

function ranges(report: PortReport): string[] {
  return report.ranges.map(
    ({ name, purpose, owner, policy, ...ends }) =>
      `In the range ${name} (${formatInterval(ends)}, ${policy}${owner ? `, of ${owner}` : ''})${purpose && `: ${plain(purpose)}`}.`,
  );
}
