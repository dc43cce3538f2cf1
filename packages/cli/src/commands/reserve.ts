import { hostname, userInfo } from 'node:os';
import type { PortolanClient, Reserved } from '@portolan/client';
import { hostFor, localAgent } from '@portolan/client/node';
import { formatEndpoint, PortolanError, type Reservation, type ReserveInput } from '@portolan/model';
import { Command, Option } from 'commander';
import { duration, graceTime, oneOf, port, positive, serviceArgument } from '../argument.ts';
import { paint, plain, say, sayJson } from '../output.ts';
import { ownInstance } from '../own-instance.ts';
import { tellNotes } from '../port-notes.ts';
import { stopped } from '../problem-text.ts';
import { isAway } from '../reading.ts';
import { clientOf, collect, examples, type RemoteOptions, remote } from '../remote.ts';
import { differences } from '../sticky.ts';
import { writeError } from '../terminal.ts';
import { waiting } from '../waiting.ts';

export interface ChoiceOptions {
  label?: string[];
  port?: number;
  preferred?: number;
  range?: string;
  lowest?: boolean;
  ttl?: number;
  protocol?: 'tcp' | 'udp';
  instance?: number;
  purpose?: string;
  hostName?: string | undefined;
  onTaken?: 'fail' | 'next' | 'takeover';
  maxAttempts?: number;
  grace?: number;
}

export function reserve(): Command {
  return choosing(remote(new Command('reserve')))
    .description(
      'Reserve a port for a service; the same service is given the same port again. In a pipe only the port is written, ' +
        'so that a script can use it.',
    )
    .argument(
      '<service>',
      'project/name or project/name:label; without project/, that of PORTOLAN_PROJECT or the git repository',
    )
    .option('-q, --quiet', 'write the ports alone, one a line')
    .option(
      '--provisional',
      'when no coordinator answers, have the agent of this machine give a lease that is made real, or lost, later',
    )
    .addHelpText(
      'after',
      examples(
        'PORT=$(portolan reserve mana/mana-sync) node server.js',
        'portolan reserve mana/mana-sync:api --preferred 3050',
        'portolan reserve portos/browser --label cdp --label health --range 5550-5599 --lowest',
        'portolan reserve ci/job --ttl 10m',
        'portolan reserve aip/figma --preferred 65001 --on-taken takeover',
      ),
    )
    .action(async (text: string, options: RemoteOptions & ChoiceOptions & Manner) => {
      const client = await clientOf(options);
      const wish = requestOf(text, options);
      const instance = wish.instance ?? (await ownInstance(wish.project));
      const reserving = reserveWith(client, { ...wish, instance }, options);
      const { reservation } = await waiting('reserving', reserving);
      for (const difference of differences(reservation, options)) writeError(`portolan: ${difference}.\n`);
      if (!options.json) tellNotes(reservation.notes);
      if (options.json) sayJson(reservation);
      else if (options.quiet || !process.stdout.isTTY) say(Object.values(reservation.ports).join('\n'));
      else say(told(reservation));
    });
}

interface Manner {
  quiet?: boolean;
  provisional?: boolean;
}

async function reserveWith(client: PortolanClient, wish: ReserveInput, { provisional }: Manner): Promise<Reserved> {
  let request = wish;
  try {
    // To take over is to end a process here, not wherever the service runs.
    if (wish.onTaken === 'takeover') request = { ...wish, host: await hostFor(wish, client) };
    return await client.reserve(request, { renewing: false });
  } catch (error) {
    if (!(error instanceof PortolanError && isAway(error))) throw error;
    return provisional ? provisionally(client.token, request, error) : refuse(error);
  }
}

function refuse(error: PortolanError): never {
  // A store that is down says so itself.
  const nothing = /nothing was changed/.test(error.message) ? '' : ' Nothing was reserved.';
  const told = `${stopped(error.message)}${nothing} With --provisional the agent of this machine gives a lease until a coordinator is back.`;
  throw new PortolanError(error.code, told, error.data, { cause: error });
}

/** @throws PortolanError of the agent, or that of the coordinator with the reason why the agent is of no help */
async function provisionally(token: string, request: ReserveInput, error: PortolanError): Promise<Reserved> {
  const agent = await localAgent(token, { timeout: 10_000 });
  const given = await agent.reserve(request, { renewing: false }).catch((refusal: unknown) => {
    if (!(refusal instanceof PortolanError) || !isAway(refusal)) throw refusal;
    throw new PortolanError(
      error.code,
      `${stopped(error.message)} Nor is there an agent on this machine to give a provisional lease: ${refusal.message}`,
      error.data,
      { cause: refusal },
    );
  });
  writeError(
    'portolan: no coordinator answers, so this is a provisional lease: the agent of this machine makes it real when ' +
      'one is back, or says in a finding who has the port instead.\n',
  );
  return given;
}

/** The options for how a port is chosen, which `reserve` and `run` share. */
export function choosing(command: Command): Command {
  return command
    .option('--label <label>', 'label of a port; several ask for a block without gaps, in this order', collect)
    .option('--port <port>', 'this port and no other', port)
    .addOption(
      new Option('--preferred <port>', 'this port, else the next that is free').argParser(port).conflicts('port'),
    )
    .option(
      '--on-taken <what>',
      'when the port wanted is taken: fail (default with --port), next (default with --preferred), or takeover: end the ' +
        'earlier process of this very service, label and instance on the host',
      oneOf('fail', 'next', 'takeover'),
    )
    .option('--max-attempts <number>', 'how many ports to consider from the preferred one on (default: 100)', positive)
    .option('--grace <time>', 'how long the earlier process may take to end by itself (default: 5s)', graceTime)
    .option('--range <range>', 'within these ports: 41000-41399, or the name of a range')
    .option('--lowest', 'the lowest free port rather than any')
    .option('--ttl <time>', 'let it end after this time unless it is renewed: 60s, 5m, 2h', duration)
    .option('--protocol <protocol>', 'tcp or udp (default: tcp)', oneOf('tcp', 'udp'))
    .option('--instance <number>', 'a further instance of the service, from 2 on', positive)
    .option('--purpose <text>', 'what it is for')
    .option(
      '--host-name <host>',
      'host that the service will run on, where its agent tests that the port can be bound',
    );
}

export function requestOf(text: string, options: ChoiceOptions): ReserveInput {
  const { project, service, labels: named } = serviceArgument(text);
  const labels = [...named, ...(options.label ?? [])];
  const { port, preferred, range, ttl, protocol, instance, purpose, hostName, lowest } = options;
  const { onTaken, maxAttempts, grace } = options;
  return {
    project,
    service,
    ...(labels.length > 1 ? { labels } : { label: labels[0] }),
    port,
    preferred,
    onTaken,
    maxAttempts,
    grace,
    range,
    order: lowest ? 'lowest' : undefined,
    ttl,
    protocol,
    instance,
    purpose,
    host: hostName,
    holder: `${userInfo().username}@${hostname()}`,
  };
}

function told(reservation: Reservation): string {
  const { assignments, created, obstacle, lease, acknowledged, probed, previousPid } = reservation;
  const lines = assignments.map(({ endpoint, port }) => `${formatEndpoint(endpoint)}  ${paint('bold', String(port))}`);
  if (!created) lines.push('It had this already.');
  if (previousPid !== undefined) lines.push(`Taken over: its earlier process ${previousPid} was ended.`);
  else if (obstacle) lines.push(`${obstacle.port} was wanted first: ${plain(obstacle.detail)}.`);
  const unlessHad = created ? '; no agent tested that it can be bound' : '';
  const tested = probed ? ', and an agent tested that it can be bound' : unlessHad;
  lines.push(
    lease ? `Ends in ${lease.ttl} s unless it is renewed (lease ${lease.id}).` : 'Permanent, until it is released.',
  );
  lines.push(paint('dim', `acknowledged: ${acknowledged}${tested}`));
  return lines.join('\n');
}
