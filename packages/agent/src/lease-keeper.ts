import { readdirSync } from 'node:fs';
import { LEASE_VARIABLE } from '@portolan/model';
import { readProcFile } from './proc-file.ts';

/**
 * The processes of this machine that were started with a lease in their environment and still live: what keeps the
 * lease when whoever reserved it is gone.
 *
 * @returns pids, as far as this user may see; `undefined` where environments cannot be read
 */
export function leaseKeepers(lease: string): number[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => hasLease(pid, lease)).map(Number);
}

function hasLease(pid: string, lease: string): boolean {
  // A process that has ended and is not reaped has none any more.
  const environment = readProcFile(`/proc/${pid}/environ`);
  if (!environment) return false;
  const variable = `${LEASE_VARIABLE}=${lease}\0`;
  const found =
    environment.subarray(0, variable.length).equals(Buffer.from(variable)) || environment.includes(`\0${variable}`);
  // Other people's secrets passed through this buffer.
  environment.fill(0);
  return found;
}
