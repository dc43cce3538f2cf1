import { nameAsHolder, type Variable } from '@portolan/agent/processes';
import { allItems, type PortolanClient, type Reserved } from '@portolan/client';
import { ownProcess } from '@portolan/client/holding-process';
import { hostFor, portOverride } from '@portolan/client/node';
import { reserveForTree, worktreeAt } from '@portolan/client/working-copy';
import {
  ENDPOINTS_VARIABLE,
  formatGivenPorts,
  GRACE_DEFAULT,
  HOLDER_VARIABLE,
  LEASE_VARIABLE,
  PortolanError,
} from '@portolan/model';
import { Command } from 'commander';
import { type ChildEnd, runChild } from '../child.ts';
import { endFamily, signalFamily } from '../family.ts';
import { portFlag } from '../framework.ts';
import { plain } from '../output.ts';
import { ownService } from '../own-service.ts';
import { fillPorts } from '../placeholder.ts';
import { tellNotes } from '../port-notes.ts';
import { stopped } from '../problem-text.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { refuseSecond } from '../running.ts';
import { differences } from '../sticky.ts';
import { writeError } from '../terminal.ts';
import { waiting } from '../waiting.ts';
import { type ChoiceOptions, choosing, requestOf } from './reserve.ts';

/** Short, so that a machine that dies gives its ports back soon; renewed every third of it. Seconds. */
const TTL = 60;

interface Options extends RemoteOptions, ChoiceOptions {
  flag: boolean;
  env: boolean;
  again?: boolean;
  leave?: boolean;
}

export function run(): Command {
  return choosing(remote(new Command('run')))
    .description(
      'Reserve ports, run a command that finds them in PORT and <LABEL>_PORT, and release them when it ends, ' +
        'unless the service had them before. Signals and the exit code are passed on.',
    )
    .usage('[options] [service] -- <command...>')
    .argument(
      '[service]',
      'project/name, project/name:label, or project/name:label,label (default: the repository and the name in package.json)',
    )
    .argument('[command...]', 'the command and its arguments, after --; {port} and {port:label} stand for the ports')
    .option('--no-flag', 'add no --port to tools that do not look at PORT')
    .option('--no-env', 'do not look for a PORT in the environment, .env.local and .env')
    .option('--again', 'run the command although the service runs already, or somebody else is on its port')
    .option('--leave', 'when this command is stopped, leave alone what goes on after its command has ended')
    .addHelpText(
      'after',
      examples(
        'portolan run -- npm run dev',
        'portolan run mana/mana-sync -- node server.js',
        'portolan run portos/browser:cdp,health -- ./browser.sh',
        'portolan run shop/site -- php -S 127.0.0.1:{port}',
      ),
    )
    .action(async (_service: string, _command: string[], options: Options, { args }: Command) => {
      const { service = ownService(), command } = parted(args, process.argv.slice(2));
      const client = await clientOf(options);
      const host = await hostFor({ host: options.hostName, onTaken: options.onTaken }, client);
      const wish = requestOf(service, { ...options, ttl: options.ttl ?? TTL, hostName: host });
      const request = { ...wish, process: ownProcess() };
      const chosen =
        [options.port, options.preferred, options.range].some((each) => each !== undefined) || !options.env;
      const override = chosen ? undefined : await portOverride();
      const reserving = reserveForTree(client, request, {
        tree: worktreeAt(process.cwd()),
        override,
        ...(!options.again && options.onTaken !== 'takeover' && { onStanding: refuseSecond }),
        onDeclined: (reason) => warn(`${reason}. This is another instance, so it is given another port.`),
        onLost: ({ message }) => {
          warn(
            `the reservation of ${request.project}/${request.service} is lost: ${stopped(message)} The command goes on.`,
          );
        },
      });
      const reserved = await waiting('reserving', reserving);
      for (const difference of differences(reserved.reservation, options)) warn(difference);
      tellNotes(reserved.reservation.notes);
      // As answered first: to assert it again later is no new grant.
      const { created } = reserved.reservation;
      const family = familyOf(reserved);
      let ended: ChildEnd | undefined;
      try {
        const argv = completed(command, reserved, options.flag);
        ended = await runChild(argv, environmentOf(reserved), (signal) => {
          warn(`the command goes on, so it and what it started are sent ${signal}`);
          if (family) signalFamily(family, signal);
        });
        process.exitCode = ended.code;
        if (ended.wasStopped && family && !options.leave) await endLeft(family);
      } finally {
        // What the service had before is not this command's to give back; a lease that was taken over ends by itself.
        if (!created) reserved.leave();
        else if (ended) await letGo(client, reserved, host, family);
        else await release(reserved);
      }
    });
}

/** What all that this command starts has in its environment, and nothing else. */
function familyOf({ lease }: Reserved): Variable | undefined {
  const holder = nameAsHolder();
  if (holder) return [HOLDER_VARIABLE, holder];
  return lease ? [LEASE_VARIABLE, lease.id] : undefined;
}

/** Whoever stops this command means all of it; the command itself has ended, and had the time to do that in its own way. */
async function endLeft(family: Variable): Promise<void> {
  const left = await endFamily(family, GRACE_DEFAULT * 1000);
  if (left.length > 0) warn(`of what the command started, pid ${left.slice(0, 5).join(', ')} could not be ended`);
}

/** What stands before the `--` and after it; without one the first word is the service. */
function parted(args: readonly string[], argv: readonly string[]): { service?: string; command: string[] } {
  const dashes = argv.indexOf('--');
  const before = dashes < 0 ? Math.min(1, args.length) : args.length - (argv.length - dashes - 1);
  const command = args.slice(Math.min(before, 1));
  if (command.length === 0) {
    throw new PortolanError('invalid-request', 'There is no command to run. Write: portolan run [service] -- command');
  }
  // `run web npm run dev -- --host`: the dashes are the command's.
  if (before > 1) command.splice(before - 1, 0, '--');
  return before > 0 ? { service: args[0] as string, command } : { command };
}

function completed(command: readonly string[], reserved: Reserved, flags: boolean): string[] {
  const filled = fillPorts(command, reserved.ports, reserved.port);
  if (filled) return filled;
  const missing = flags ? portFlag(command, reserved.port, process.cwd()) : undefined;
  if (!missing) return [...command];
  warn(`${missing.framework} does not look at PORT, so "${missing.arguments.join(' ')}" is added (--no-flag: not)`);
  return [...command, ...missing.arguments];
}

/** What is `undefined` is taken out of the environment: it may tell of ports that an outer command was given. */
function environmentOf({ port, ports, lease, reservation }: Reserved): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {
    PORT: String(port),
    [ENDPOINTS_VARIABLE]: formatGivenPorts(reservation.assignments),
    [HOLDER_VARIABLE]: nameAsHolder(),
    [LEASE_VARIABLE]: lease?.id,
  };
  for (const [label, number] of Object.entries(ports)) {
    environment[`${label.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_PORT`] = String(number);
  }
  return environment;
}

/** A lease follows the evidence, not the wrapper: what goes on in the background keeps it. */
async function letGo(
  client: PortolanClient,
  reserved: Reserved,
  host: string | undefined,
  family: Variable | undefined,
): Promise<void> {
  const { afterlifeOf } = await import('../afterlife.ts');
  const left = await afterlifeOf(reserved, family);
  if (left.kind === 'none') return release(reserved);
  const who = left.kind === 'listening' ? left.listener.process : null;
  const what = who
    ? `pid ${who.pid} (${plain(who.command)}) listens on ${left.kind === 'listening' && left.listener.port}`
    : left.kind === 'listening'
      ? `a process listens on ${left.listener.port}`
      : `processes that it left behind live on (pid ${left.pids.slice(0, 5).join(', ')})`;
  try {
    await reserved.handOver();
    const kept =
      host === undefined
        ? 'it keeps the lease as long as an agent sees it listen'
        : (await hasAgent(client, host))
          ? 'it keeps the lease as long as it listens'
          : `no agent on ${plain(host)} sees to it, so its lease ends in ${reserved.lease?.ttl} s`;
    warn(`the command ended, but ${what}: ${kept}. "portolan kill ${reserved.port}" ends it.`);
  } catch (error) {
    warn(`could not hand over: ${error instanceof Error ? error.message : error}`);
  }
}

async function hasAgent(client: PortolanClient, host: string): Promise<boolean> {
  const hosts = await allItems((query) => client.hosts(query), {});
  return hosts.some(({ id, name, state }) => (id === host || name === host) && state === 'alive');
}

/** An error here must not stand in the place of the command's exit code; the lease ends by itself. */
async function release(reserved: Reserved): Promise<void> {
  await reserved.release().catch((error: Error) => warn(`could not release: ${error.message}`));
}

function warn(text: string): void {
  writeError(`portolan: ${text}\n`);
}
