import { readdirSync } from 'node:fs';
import { readProcFile } from './proc-file.ts';

/** A variable of an environment, and its value. */
export type Variable = readonly [name: string, value: string];

/**
 * The processes of this machine that were started with a variable in their environment and still live: those with
 * `PORTOLAN_LEASE` keep that lease when whoever reserved it is gone.
 *
 * @returns pids, as far as this user may see; `undefined` where environments cannot be read
 */
export function startedWith(variable: Variable): number[] | undefined {
  if (process.platform !== 'linux') return undefined;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => wasStartedWith(pid, variable));
}

export function wasStartedWith(pid: number, [name, value]: Variable): boolean {
  // A process that has ended and is not reaped has none any more.
  const environment = readProcFile(`/proc/${pid}/environ`);
  if (!environment) return false;
  const variable = `${name}=${value}\0`;
  const found =
    environment.subarray(0, variable.length).equals(Buffer.from(variable)) || environment.includes(`\0${variable}`);
  // Other people's secrets passed through this buffer.
  environment.fill(0);
  return found;
}
