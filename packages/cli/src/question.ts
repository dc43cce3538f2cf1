import { createInterface } from 'node:readline/promises';
import { PortolanError } from '@portolan/model';
import { harmless } from './terminal.ts';

/**
 * Asks a person yes or no, on stderr, so that what a command answers stays clean.
 *
 * @param yes said already, by the flag
 * @throws PortolanError `forbidden` when the answer is no, or there is nobody to ask
 */
export async function confirmed(question: string, yes: boolean, flag = '--yes'): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new PortolanError(
      'forbidden',
      `Nothing was done: "${question}" has to be confirmed, and there is nobody to ask. Add ${flag}`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${harmless(question)} [y/N] `);
    if (!/^\s*y(es)?\s*$/i.test(answer)) throw new PortolanError('forbidden', 'Nothing was done: the answer was no');
  } finally {
    terminal.close();
  }
}
