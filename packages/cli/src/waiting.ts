import { redraw } from './terminal.ts';

const AFTER = 500;
const EVERY = 120;
const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';

/** Shows a person at a terminal what takes so long, on stderr; nothing in a pipe, nor for what is quick. */
export async function waiting<T>(what: string, work: Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work;
  const since = performance.now();
  let shown = 0;
  const timer = setInterval(() => {
    const seconds = Math.floor((performance.now() - since) / 1000);
    if (performance.now() - since < AFTER) return;
    redraw(`${FRAMES[shown++ % FRAMES.length]} ${what} ${seconds} s`);
  }, EVERY);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown > 0) redraw('');
  }
}
