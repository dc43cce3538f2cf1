import { createInterface } from 'node:readline/promises';
import { PortolanError } from '@portolan/model';

/**
 * Asks a person yes or no, on stderr, so that what a command answers stays clean.
 *
 * @param yes said already, by a flag
 * @throws PortolanError `forbidden` when the answer is no, or there is nobody to ask
 */
export async function confirmed(question: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new PortolanError(
      'forbidden',
      'Nothing was done: this has to be confirmed, and there is nobody to ask. Add --yes',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^\s*y(es)?\s*$/i.test(answer)) throw new PortolanError('forbidden', 'Nothing was done: the answer was no');
  } finally {
    terminal.close();
  }
}
