import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** A step that failed: `message` is ready to be shown, with the end of the output of the command and what to do. */
export class StepFailed extends Error {
  /**
   * @param {string} message
   * @param {number} [exitCode] what this process should end with
   */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
/** How long a command may take to end after a signal, ms. */
const PATIENCE = 500;
const OUTPUT_KEPT = 64 * 1024;
const OUTPUT_SHOWN_LINES = 20;

/**
 * Runs one command of the set-up quietly and shows that it goes on: a spinner on a terminal, plain lines elsewhere.
 * A signal to us ends the command with all its children.
 *
 * @param {string} title what is done, as in `installing the dependencies`
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, hint?: string}} [options] `hint`: what to do when it fails
 * @returns {Promise<void>}
 * @throws {StepFailed}
 */
export async function runStep(title, command, args, { cwd, env, hint } = {}) {
  const progress = showProgress(title);
  // A group of its own, so that grandchildren (npx starts pnpm) end with it.
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  const keep = (/** @type {Buffer} */ chunk) => {
    output = (output + chunk).slice(-OUTPUT_KEPT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);

  let interrupted;
  const interrupt = (/** @type {NodeJS.Signals} */ signal) => {
    interrupted = signal;
    endGroup(child.pid, 'SIGTERM');
    // npm finishes what it unpacks before it heeds a signal. What it leaves half-done, the next run does again.
    setTimeout(endGroup, PATIENCE, child.pid, 'SIGKILL').unref();
  };
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  for (const signal of signals) process.on(signal, interrupt);
  const failure = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `ended with ${signal ?? `code ${code}`}`));
  });
  for (const signal of signals) process.off(signal, interrupt);

  progress.end(failure === undefined && interrupted === undefined);
  if (interrupted !== undefined) {
    throw new StepFailed(`Interrupted while ${title}. Run it again to go on.`, 128 + constants.signals[interrupted]);
  }
  if (failure !== undefined) {
    const tail = output.trimEnd().split('\n').slice(-OUTPUT_SHOWN_LINES).join('\n');
    const parts = [`Failed while ${title}: \`${[command, ...args].join(' ')}\` ${failure}.`, tail, hint];
    throw new StepFailed(parts.filter(Boolean).join('\n\n'));
  }
}

/**
 * @param {number | undefined} pid the leader of the group
 * @param {NodeJS.Signals} signal
 */
function endGroup(pid, signal) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

/** @param {string} title */
function showProgress(title) {
  const started = performance.now();
  const elapsed = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const isTerminal = process.stderr.isTTY && process.env.CI === undefined;
  let frame = 0;
  const draw = () => {
    frame++;
    process.stderr.write(`\r\x1b[K${SPINNER[frame % SPINNER.length]} ${title} (${elapsed()})`);
  };
  if (!isTerminal) process.stderr.write(`… ${title}\n`);
  const timer = isTerminal
    ? setInterval(draw, 100)
    : setInterval(() => process.stderr.write(`… still ${title} (${elapsed()})\n`), 15_000);
  return {
    /** @param {boolean} ok */
    end(ok) {
      clearInterval(timer);
      process.stderr.write(`${isTerminal ? '\r\x1b[K' : ''}${ok ? '✓' : '✗'} ${title} (${elapsed()})\n`);
    },
  };
}
