import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('clock-shim.c', import.meta.url));

/** The library that moves the wall clock of a process, or why there is none here. */
export type ClockShim = { readonly library: string } | { readonly unavailable: string };

/** Compiles `clock-shim.c` into a folder. */
export function compileClockShim(folder: string): ClockShim {
  if (process.platform !== 'linux') return { unavailable: 'a clock is moved by LD_PRELOAD, which Linux has' };
  const library = join(folder, 'clock-shim.so');
  for (const compiler of ['gcc', 'cc']) {
    const args = ['-shared', '-fPIC', '-O1', '-o', library, SOURCE];
    const { status, error, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
    if (status === 0) return { library };
    if (!error) return { unavailable: `${compiler} does not compile clock-shim.c: ${stderr}` };
  }
  return {
    unavailable: 'clocks are moved by a library that a C compiler has to make, and there is neither gcc nor cc',
  };
}
