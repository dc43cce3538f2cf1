import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { PortolanError } from '@portolan/model';
import { SAME_WITHIN } from './until-stopped.ts';

const stopping = ['SIGINT', 'SIGTERM'] as const;

export interface ChildEnd {
  /** Its exit code, or 128 + the signal that ended it. */
  readonly code: number;
  /** Whether this process was asked to stop before that. */
  readonly wasStopped: boolean;
}

/**
 * Runs a command in the place of this one, and passes signals on to it.
 *
 * @param environment over the own; what is `undefined` is taken away
 * @param insist sends a signal to all that the command started: it did not end by the one that was passed on, and somebody
 *   asked again
 * @throws PortolanError `not-found` when it cannot be run
 */
export async function runChild(
  [file = '', ...args]: readonly string[],
  environment: NodeJS.ProcessEnv,
  insist: (signal: 'SIGTERM' | 'SIGKILL') => void,
): Promise<ChildEnd> {
  // First, so that no signal ends this process and leaves the command behind.
  const forwarding = forward(() => child, insist);
  const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => reject(notRun(file, error)));
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
    return { code, wasStopped: forwarding.times > 0 };
  } finally {
    forwarding.stop();
  }
}

function forward(child: () => ChildProcess, insist: (signal: 'SIGTERM' | 'SIGKILL') => void) {
  const forwarding = { times: 0, stop: () => {} };
  let at = Number.NEGATIVE_INFINITY;
  const stop = (signal: (typeof stopping)[number]) => {
    // A terminal's Ctrl-C reaches the command by itself; twice, many take it for "at once". And who asks a shell by it to
    // stop what it runs does not mean the shell.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    // npm passes on what a group of processes was sent anyway.
    const isSame = performance.now() - at < SAME_WITHIN;
    if (isSame) return;
    at = performance.now();
    forwarding.times++;
    if (forwarding.times === 1) child().kill(signal);
    else insist(forwarding.times === 2 ? 'SIGTERM' : 'SIGKILL');
  };
  const listeners = [
    ...stopping.map((signal) => [signal, () => stop(signal)] as const),
    // To many it means "read your configuration again".
    ['SIGHUP', () => void child().kill('SIGHUP')] as const,
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  forwarding.stop = () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
  return forwarding;
}

function notRun(file: string, error: NodeJS.ErrnoException): PortolanError {
  const reason = error.code === 'ENOENT' ? 'there is no such command' : error.message;
  return new PortolanError('not-found', `"${file}" could not be run: ${reason}.`);
}
