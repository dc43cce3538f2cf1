import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

export interface ChildEnd {
  /** Nothing when a signal ended it. */
  readonly code: number | null;
  /** All that it wrote. */
  readonly output: string;
}

/** Runs this command once more, with other arguments, in a process of its own. It ends at the latest when this one does. */
export function runChild(args: readonly string[]): Promise<ChildEnd> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const abandon = () => child.kill('SIGTERM');
  process.on('exit', abandon);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('exit', abandon);
      resolve({ code, output });
    });
  });
}

/** Does the work for each item, so many at a time, in order. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.max(1, width) }, worker));
}
