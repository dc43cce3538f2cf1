import { readProcFile } from './proc-file.ts';

/** What stays the same as long as a process does. */
export interface ProcessStart {
  readonly parent: number;
  /** Since the start of the machine: the same for every reader, whatever is done to the clock. */
  readonly ticks: number;
  /** It has ended, and nobody has asked how. */
  readonly isZombie: boolean;
}

export function readStart(pid: number): ProcessStart | null {
  const bytes = readProcFile(`/proc/${pid}/stat`);
  if (!bytes) return null;
  const text = bytes.toString('latin1');
  // The name in parentheses may hold anything, spaces and parentheses too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), ticks: Number(fields[19]), isZombie: fields[0] === 'Z' || fields[0] === 'X' };
}
