import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { HoldingProcess } from '@portolan/model';

/** Linux shows times in hundredths of a second to programs, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;
/** Start times count from a boot time in whole seconds, which each process reads for itself, ms. */
const START_MARGIN = 2_000;

let own: HoldingProcess | undefined;

/** This process, as a lease names it. */
export function ownProcess(): HoldingProcess {
  own ??= process.platform === 'linux' ? ownOnLinux() : ownElsewhere();
  return own;
}

/**
 * What has become of the process that a lease names. `unknown`: it runs on another machine, or where its pid means something
 * else, so that nothing can be said of it.
 */
export function fateOf({ pid, startedAt, namespace }: HoldingProcess): 'this' | 'lives' | 'ended' | 'unknown' {
  const here = ownProcess();
  if (namespace === undefined || namespace !== here.namespace) return 'unknown';
  if (pid === here.pid) return Math.abs(startedAt - here.startedAt) <= START_MARGIN ? 'this' : 'ended';
  if (process.platform === 'linux') {
    const there = statOf(String(pid));
    if (there) return Math.abs(startedAt - there.startedAt) <= START_MARGIN && !there.isOver ? 'lives' : 'ended';
  }
  // Where others' processes cannot be looked at, that there is one of this pid has to do.
  return answersSignals(pid) ? 'lives' : 'ended';
}

function ownOnLinux(): HoldingProcess {
  const here = statOf('self');
  // The /proc of another pid namespace: its numbers are not those that this process knows.
  if (!here || here.pid !== process.pid) return ownElsewhere(null);
  return { pid: here.pid, startedAt: here.startedAt, ...named(pidNamespace()) };
}

function ownElsewhere(namespace: string | null = `${process.platform} ${hostname()}`): HoldingProcess {
  return { pid: process.pid, startedAt: Math.round(Date.now() - process.uptime() * 1000), ...named(namespace) };
}

function named(namespace: string | null): Pick<HoldingProcess, 'namespace'> {
  if (namespace === null) return {};
  return { namespace: createHash('sha256').update(`portolan ${namespace}`).digest('hex').slice(0, 20) };
}

/** The first pid namespace has one number on every machine, so the boot goes with it. */
function pidNamespace(): string | null {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

interface Stat {
  pid: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Nothing of it is left but its outcome, which its parent has not asked for. */
  isOver: boolean;
}

/** @see proc_pid_stat(5) */
function statOf(name: string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'latin1');
    // The name in parentheses may hold anything, spaces and parentheses too.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const sinceBoot = Math.round((Number(fields[19]) * 1000) / TICKS_PER_SECOND);
    return {
      pid: Number.parseInt(text, 10),
      startedAt: bootedAt() + sinceBoot,
      isOver: fields[0] === 'Z' || fields[0] === 'X',
    };
  } catch {
    return undefined;
  }
}

function bootedAt(): number {
  return Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? 0) * 1000;
}

function answersSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
