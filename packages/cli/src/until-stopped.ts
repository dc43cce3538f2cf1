import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C goes to a whole group of processes, and npm passes it on besides: what comes so soon is the same one, ms. */
const SAME_WITHIN = 500;

/** Waits for the signal to stop. A second one ends the process at once, for whoever does not want to wait. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined;
    for (const signal of signals) {
      process.on(signal, () => {
        stoppedAt ??= performance.now();
        if (performance.now() - stoppedAt > SAME_WITHIN) process.exit(128 + constants.signals[signal]);
        resolve();
      });
    }
  });
}
