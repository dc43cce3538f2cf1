import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Runs a command as if it were this process: same terminal, signals passed on.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} its exit code; 128 + the signal's number when a signal ended it, as shells have it
 */
export function runInForeground(command, args, options = {}) {
  // Signals first, so that none ends this process and leaves the command behind.
  process.on('SIGINT', () => {
    // A terminal has sent Ctrl-C to the command too; sending it again would mean "at once, without cleaning up".
    if (!onTerminal()) child.kill('SIGINT');
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  const child = spawn(command, args, { ...options, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]));
  });
}

function onTerminal() {
  return [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
}
