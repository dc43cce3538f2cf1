import { readFileSync } from 'node:fs';

/** Whether a process has not ended. One that nobody waits for stays in the list after its end, and counts as ended. */
export function isThere(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}
