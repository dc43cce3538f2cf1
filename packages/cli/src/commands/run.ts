import { type ChildProcess, spawn } from 'node:child_process';
import { constants, hostname } from 'node:os';
import type { Reserved } from '@portolan/client';
import { ENDPOINTS_VARIABLE, formatGivenPorts, LEASE_VARIABLE, PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { type ChoiceOptions, choosing, requestOf } from './reserve.ts';

/** Short, so that a machine that dies gives its ports back soon; renewed every third of it. Seconds. */
const TTL = 60;

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function run(): Command {
  return choosing(remote(new Command('run')))
    .description(
      'Reserve ports, run a command that finds them in PORT and <LABEL>_PORT, and release them when it ends, ' +
        'unless the service had them before. Signals and the exit code are passed on.',
    )
    .argument('<service>', 'project/name, project/name:label, or project/name:label,label')
    .argument('<command...>', 'the command and its arguments, after --')
    .addHelpText(
      'after',
      examples(
        'portolan run mana/mana-sync -- node server.js',
        'portolan run portos/browser:cdp,health -- ./browser.sh',
      ),
    )
    .action(async (text: string, command: string[], options: RemoteOptions & ChoiceOptions) => {
      const client = await clientOf(options);
      const request = requestOf(text, {
        ...options,
        ttl: options.ttl ?? TTL,
        hostName: options.hostName ?? hostname(),
      });
      const reserved = await client.reserve(request, {
        onLost: ({ message }) => {
          warn(`the reservation of ${request.project}/${request.service} is lost: ${message}. The command goes on.`);
        },
      });
      // As answered first: to assert it again later is no new grant.
      const { created } = reserved.reservation;
      try {
        process.exitCode = await runWith(environmentOf(reserved), command);
      } finally {
        // What the service had before is not this command's to give back; a lease that was taken over ends by itself.
        if (created) await release(reserved);
      }
    });
}

/** An error here must not stand in the place of the command's exit code; the lease ends by itself. */
async function release(reserved: Reserved): Promise<void> {
  await reserved.release().catch((error: Error) => warn(`could not release: ${error.message}`));
}

/** What is `undefined` is taken from the environment: it may tell of ports that an outer command was given. */
function environmentOf({ port, ports, lease, reservation }: Reserved): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {
    PORT: String(port),
    [ENDPOINTS_VARIABLE]: formatGivenPorts(reservation.assignments),
    [LEASE_VARIABLE]: lease?.id,
  };
  for (const [label, number] of Object.entries(ports)) {
    environment[`${label.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_PORT`] = String(number);
  }
  return environment;
}

/** @returns the exit code of the command, or 128 + the signal that ended it */
async function runWith(environment: NodeJS.ProcessEnv, [file = '', ...args]: string[]): Promise<number> {
  const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
  const stop = forward(child);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => reject(notRun(file, error)));
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    stop();
  }
}

/** @returns how to stop it */
function forward(child: ChildProcess): () => void {
  const listeners = passedOn.map((signal) => {
    // A terminal's Ctrl-C reaches the command by itself; twice, many take it for "at once".
    const listener = () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) process.off(signal, listener);
  };
}

function notRun(file: string, error: NodeJS.ErrnoException): PortolanError {
  const reason = error.code === 'ENOENT' ? 'there is no such command' : error.message;
  return new PortolanError('not-found', `"${file}" could not be run: ${reason}.`);
}

function warn(text: string): void {
  process.stderr.write(`portolan: ${text}\n`);
}
