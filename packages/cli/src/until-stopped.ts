import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C goes to a whole group of processes, and npm passes it on besides: what comes so soon is the same one, ms. */
export const SAME_WITHIN = 500;

/**
 * Waits for the signal to stop. A second one ends the process at once, for whoever does not want to wait.
 *
 * @param ready says that it is ready; whoever hears that may send the signal, so it is waited for from before then on
 */
export function untilStopped(ready: () => void): Promise<void> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined;
    for (const signal of signals) {
      process.on(signal, () => {
        stoppedAt ??= performance.now();
        if (performance.now() - stoppedAt > SAME_WITHIN) process.exit(128 + constants.signals[signal]);
        resolve();
      });
    }
    ready();
  });
}
