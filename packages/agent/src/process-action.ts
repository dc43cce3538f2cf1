import { setTimeout as sleep } from 'node:timers/promises';
import {
  type EndAnswer,
  type Ending,
  type EndTarget,
  type EndTask,
  HOST_NETNS,
  PortolanError,
  type RefusalCode,
} from '@portolan/model';
import { type Family, familiesOf, guardHeir, type Victim } from './heir.ts';
import { holds, isListed, isSame } from './held-socket.ts';
import type { Manifest } from './identity.ts';
import { type KillScope, mayEnd, unseen } from './kill-scope.ts';
import { canBind } from './prober.ts';
import { readProcess } from './process-facts.ts';

export type EndOrder = Pick<EndTask, 'targets' | 'grace' | 'force' | 'orphan' | 'dryRun'>;

export interface Powers {
  readonly allowKill: KillScope;
  readonly manifests?: readonly Manifest[] | undefined;
}

/** How long a killed process may take to go, and a port to be free after that, ms. */
const GONE_WITHIN = 5_000;
/** How long those who inherited a socket have to follow the process that they had it from, ms. */
const HEIRS_FOLLOW = 1_000;
const LOOK_EVERY = 20;

/**
 * Ends the processes that have these sockets, and waits until the ports can be bound. Nothing is taken from the order on
 * trust: pid, start time, socket, service and user are looked at anew just before each signal, since a pid may have been
 * given to another process meanwhile. (Linux would let a pidfd say that in one breath; Node has none, so there remain
 * the microseconds between reading /proc/<pid>/stat and the signal.) A refusal of one ends none, as far as it can be
 * known before.
 */
export async function endProcesses(order: EndOrder, powers: Powers): Promise<EndAnswer> {
  const endings: Ending[] = [];
  try {
    if (process.platform !== 'linux') throw notHere();
    const victims = victimsOf(order.targets);
    const standing = victims.filter((victim) => mayBeEnded(victim, order, powers));
    for (const { pid } of victims.filter((each) => !standing.includes(each))) {
      endings.push({ pid, outcome: 'gone', signal: null });
    }
    // Looked for in a trial too: what is ended is what was shown.
    const families = familiesOf(standing);
    for (const { victim, heirs } of families) {
      // One that was started by the victim is left to follow it.
      for (const heir of heirs) if (!guardHeir(heir, victim)) mayBeEnded(heir, order, powers);
    }
    if (order.dryRun) {
      const meant = families.flatMap(({ victim, heirs }) => [victim, ...heirs]);
      endings.push(...new Map(meant.map((each) => [each.pid, wouldEnd(each)])).values());
      return { endings, refusal: null };
    }
    const done = await Promise.allSettled(families.map((family) => endFamily(family, order, powers, endings)));
    for (const each of done) if (each.status === 'rejected') throw each.reason;
    await free(order.targets, endings);
    return { endings, refusal: null };
  } catch (error) {
    if (!(error instanceof PortolanError)) throw error;
    return { endings, refusal: { code: error.code as RefusalCode, detail: error.message.slice(0, 1000) } };
  }
}

/** @throws PortolanError `not-permitted` when the process of a socket is not known */
function victimsOf(targets: readonly EndTarget[]): Victim[] {
  const byPid = new Map<string, Victim & { sockets: EndTarget[] }>();
  for (const target of targets) {
    if (target.process === null) throw unseen(target);
    const { pid, startedAt } = target.process;
    const known = byPid.get(`${pid} ${startedAt}`);
    if (known) known.sockets.push(target);
    else byPid.set(`${pid} ${startedAt}`, { pid, startedAt, sockets: [target] });
  }
  return [...byPid.values()];
}

/**
 * Looks at the process as it is now.
 *
 * @returns whether it has one of the sockets; a process that has let go of them is left alone
 * @throws PortolanError when it must not be ended
 */
function mayBeEnded(victim: Victim, order: EndOrder, powers: Powers): boolean {
  if (!isSame(victim)) {
    const taken = victim.sockets.find(isListed);
    if (taken) throw changed(victim, taken);
    return false;
  }
  mayEnd(victim, order, powers);
  return holds(victim) && isSame(victim);
}

async function endFamily({ victim, heirs }: Family, order: EndOrder, powers: Powers, endings: Ending[]): Promise<void> {
  await end(victim, order, powers, endings);
  for (const heir of heirs) {
    if (!(await released(heir, HEIRS_FOLLOW))) await end(heir, order, powers, endings);
  }
}

function wouldEnd({ pid }: Victim): Ending {
  const facts = readProcess(pid)?.process;
  const told = facts && `user ${facts.user ?? facts.uid ?? '?'}: ${facts.commandLine || facts.command}`;
  return { pid, outcome: 'would-end', signal: null, ...(told && { process: told.slice(0, 1000) }) };
}

async function end(victim: Victim, order: EndOrder, powers: Powers, endings: Ending[]): Promise<void> {
  const { pid } = victim;
  if (!signal(victim, 'SIGTERM', order, powers)) {
    endings.push({ pid, outcome: 'gone', signal: null });
    return;
  }
  if ((await released(victim, order.grace * 1000)) || !signal(victim, 'SIGKILL', order, powers)) {
    endings.push({ pid, outcome: 'ended', signal: 'SIGTERM' });
    return;
  }
  endings.push({ pid, outcome: 'ended', signal: 'SIGKILL' });
  if (await released(victim, GONE_WITHIN)) return;
  throw new PortolanError(
    'still-bound',
    `process ${pid} was killed and is still there after ${GONE_WITHIN / 1000} s: it waits in the kernel, most likely for a disk or a network file system`,
  );
}

/** @returns whether the process was still there to be sent it */
function signal(victim: Victim, name: 'SIGTERM' | 'SIGKILL', order: EndOrder, powers: Powers): boolean {
  if (!mayBeEnded(victim, order, powers)) return false;
  try {
    process.kill(victim.pid, name);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    if (code !== 'EPERM') throw error;
    throw new PortolanError(
      'not-permitted',
      `the system does not let this agent end process ${victim.pid} (${code}): end it as the user that it runs as`,
    );
  }
}

/** Waits until the process has ended or let go of the sockets. @returns whether it did in time */
async function released(victim: Victim, within: number): Promise<boolean> {
  const until = performance.now() + within;
  while (isSame(victim) && holds(victim)) {
    if (performance.now() >= until) return false;
    await sleep(LOOK_EVERY);
  }
  return true;
}

/** Waits until the ports can be bound again. Of other namespaces it is known only that nobody has the socket any more. */
async function free(targets: readonly EndTarget[], endings: readonly Ending[]): Promise<void> {
  const until = performance.now() + GONE_WITHIN;
  for (const target of targets.filter(({ netns }) => netns === HOST_NETNS)) {
    while (!(await canBind(target))) {
      if (performance.now() >= until) throw stillBound(target, endings);
      await sleep(LOOK_EVERY);
    }
  }
}

function notHere(): PortolanError {
  return new PortolanError(
    'not-permitted',
    'agents end processes on Linux only, where a pid and its start time name one process surely: end it by hand',
  );
}

function stillBound({ protocol, address, port }: EndTarget, endings: readonly Ending[]): PortolanError {
  const done = endings.filter(({ outcome }) => outcome === 'ended').map(({ pid }) => pid);
  const so = done.length > 0 ? `process ${done.join(', ')} has ended, but` : 'the process that was seen is gone, but';
  return new PortolanError(
    'still-bound',
    `${so} ${protocol} ${address}:${port} still cannot be bound: another process took it at once (a supervisor that starts ` +
      `what ends, such as systemd, PM2 or nodemon?), or has it without listening; "portolan who ${port}" tells who listens`,
  );
}

function changed({ pid }: Victim, { protocol, port }: EndTarget): PortolanError {
  return new PortolanError(
    'process-changed',
    `process ${pid} is not the one that was seen on ${protocol} port ${port}: that one has ended, and its socket belongs to another process now; look again`,
  );
}
