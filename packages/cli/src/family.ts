import { setTimeout as wait } from 'node:timers/promises';
import { startedWith, type Variable, wasStartedWith } from '@portolan/agent/processes';

const LOOK_EVERY = 50;
/** Nothing outlives SIGKILL for long, unless the kernel holds it. */
const GONE_WITHIN = 2_000;

/** Sends a signal to each process that was started with this variable: it is what a command started, and nobody else has it. */
export function signalFamily(variable: Variable, signal: NodeJS.Signals): void {
  for (const pid of startedWith(variable) ?? []) {
    try {
      // Anew: the pid may be another's by now.
      if (wasStartedWith(pid, variable)) process.kill(pid, signal);
    } catch {
      // It has ended, or belongs to another user: then it is told of as what is left.
    }
  }
}

/**
 * Ends what a command left behind, and waits for that.
 *
 * @param grace how long each may take to end by itself before it is killed, ms
 * @returns the pids that are still there
 */
export async function endFamily(variable: Variable, grace: number): Promise<number[]> {
  for (const [signal, within] of [
    ['SIGTERM', grace],
    ['SIGKILL', GONE_WITHIN],
  ] as const) {
    signalFamily(variable, signal);
    for (const since = performance.now(); performance.now() - since < within; await wait(LOOK_EVERY)) {
      if (startedWith(variable)?.length === 0) return [];
    }
  }
  return startedWith(variable) ?? [];
}
