import { type EndTarget, PortolanError, type ProcessId } from '@portolan/model';
import { holdersOf } from './held-socket.ts';
import { nameOf } from './kill-scope.ts';
import { readProcess, readStamp } from './process-facts.ts';

/** A process that is to end, with those of its sockets that were named. */
export interface Victim extends ProcessId {
  readonly sockets: readonly EndTarget[];
}

/** One that was named, and the others that have one of its sockets, by fork as a rule. */
export interface Family {
  readonly victim: Victim;
  readonly heirs: readonly Victim[];
}

/** As they are now: what takes a socket over while its processes are ended was not meant. */
export function familiesOf(victims: readonly Victim[]): Family[] {
  const named = new Set(victims.map(({ pid }) => pid));
  return victims.map((victim) => {
    const { sockets } = victim;
    const heirs = holdersOf(sockets).filter(({ pid }) => !named.has(pid));
    return { victim, heirs: heirs.map((heir) => ({ ...heir, sockets })) };
  });
}

/**
 * A socket can be passed to any process that takes it, even one that serves the whole host: so whoever has it too is
 * ended only when it is of the same user, or was started by the victim.
 *
 * @returns whether it was started by the victim
 * @throws PortolanError `protected`, `not-permitted`
 */
export function guardHeir({ pid }: Victim, victim: Victim): boolean {
  if (pid === 1) {
    throw new PortolanError(
      'protected',
      `pid 1 has the socket of process ${victim.pid} too and would start it again: stop the socket unit, such as "systemctl stop NAME.socket"`,
    );
  }
  if (descends(pid, victim.pid)) return true;
  const heir = readProcess(pid)?.process;
  const uid = readProcess(victim.pid)?.process.uid ?? null;
  if (!heir || (uid !== null && heir.uid === uid)) return false;
  throw new PortolanError(
    'not-permitted',
    `process ${pid} (${heir.command}) of ${nameOf(heir.uid, heir.user)} has the socket of process ${victim.pid} too, which belongs to ${nameOf(uid)}: ` +
      'neither was ended; have that process close the socket, or end it there first',
  );
}

function descends(pid: number, from: number): boolean {
  for (let each = pid; each > 1; each = readStamp(each)?.parent ?? 0) if (each === from) return true;
  return false;
}
