import { readlinkSync } from 'node:fs';
import type { HolderState } from '@portolan/model';
import { readStart } from './process-start.ts';

/**
 * Names this process to those that it starts, so that an agent can tell whether it lives: `4711.913342.4026531836`, its
 * pid, its start in ticks since the machine's, and the pid namespace that both are meant in.
 *
 * @returns `undefined` where the system does not tell
 */
export function nameAsHolder(): string | undefined {
  const start = readStart(process.pid);
  const namespace = pidNamespace();
  // The files may be those of another pid namespace.
  if (!start || !namespace || follow('/proc/self') !== String(process.pid)) return undefined;
  return `${process.pid}.${start.ticks}.${namespace}`;
}

/** @returns `undefined` when it cannot be told: nobody is named, or somebody of another pid namespace */
export function holderState(name: string | null): HolderState | undefined {
  const [, pid, ticks, namespace] = /^([1-9]\d{0,9})\.(\d{1,20})\.(\d{1,20})$/.exec(name ?? '') ?? [];
  if (!pid || !namespace || namespace !== pidNamespace()) return undefined;
  const start = readStart(Number(pid));
  if (start) return String(start.ticks) === ticks && !start.isZombie ? 'alive' : 'gone';
  return isHidden(Number(pid)) ? undefined : 'gone';
}

/** Whether there is a process that this user is not shown. */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function pidNamespace(): string | undefined {
  return /^pid:\[(\d+)\]$/.exec(follow('/proc/self/ns/pid') ?? '')?.[1];
}

function follow(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
