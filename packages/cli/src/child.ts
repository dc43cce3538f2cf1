import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { PortolanError } from '@portolan/model';

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a command in the place of this one, and passes signals on to it.
 *
 * @param environment over the own; what is `undefined` is taken away
 * @returns its exit code, or 128 + the signal that ended it
 * @throws PortolanError `not-found` when it cannot be run
 */
export async function runChild(
  [file = '', ...args]: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  // First, so that no signal ends this process and leaves the command behind.
  const stop = forward(() => child);
  const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
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
function forward(child: () => ChildProcess): () => void {
  const listeners = passedOn.map((signal) => {
    // A terminal's Ctrl-C reaches the command by itself; twice, many take it for "at once".
    const listener = () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child().kill(signal);
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
