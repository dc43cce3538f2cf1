import { setTimeout as wait } from 'node:timers/promises';
import { createScanner } from '@portolan/agent';
import { startedWith, type Variable } from '@portolan/agent/processes';
import type { Reserved } from '@portolan/client';
import type { Listener } from '@portolan/model';

/** How long a service that went into the background may take to listen before nothing is said of it, ms. */
const PATIENCE = 2_000;
const LOOK_AGAIN = 100;

/** What is left of a command that has ended. */
export type Afterlife =
  | { kind: 'none' }
  /** Processes that it left behind have the lease in their environment, and none of them listens. */
  | { kind: 'silent'; pids: number[] }
  | { kind: 'listening'; listener: Listener };

/**
 * Looks on this machine for what a command left behind that was given these ports.
 *
 * @param family what all that the command started has in its environment; where environments cannot be read, whoever
 *   listens on one of the ports counts
 */
export async function afterlifeOf({ reservation }: Reserved, family: Variable | undefined): Promise<Afterlife> {
  const scanner = createScanner({ allNamespaces: false, dockerSocket: null });
  const isOurs = ({ protocol, port }: Listener) =>
    reservation.assignments.some((each) => each.protocol === protocol && each.port === port);
  for (const since = performance.now(); ; await wait(LOOK_AGAIN)) {
    const pids = family ? startedWith(family) : [];
    if (pids?.length === 0) return { kind: 'none' };
    const { listeners } = await scanner.scan();
    const listener = listeners.find((each) => isOurs(each) && (!pids || pids.includes(each.process?.pid ?? 0)));
    if (listener) return { kind: 'listening', listener };
    if (performance.now() - since > PATIENCE) return pids ? { kind: 'silent', pids } : { kind: 'none' };
  }
}
