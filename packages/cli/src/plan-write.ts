import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stateDir } from '@portolan/client/node';
import type { FileChange } from '@portolan/plan';
import { Ledger, unifiedDiff } from '@portolan/plan';
import { paint, plain, say } from './output.ts';
import { refuseLinkedOut } from './output-file.ts';
import { confirmed } from './question.ts';
import { writeError } from './terminal.ts';

/** The ledger of what was written to trees, of this user. */
export function openLedger(): Ledger {
  return new Ledger(ledgerPath());
}

function ledgerPath(): string {
  return join(stateDir(), 'edits.sqlite');
}

/** Ends what a write that was interrupted left half-done, before anything is read. */
export function recover(): void {
  // Who never wrote has no ledger, and reading makes none.
  if (!existsSync(ledgerPath())) return;
  const ledger = openLedger();
  try {
    for (const { summary, outcome, strange, changes } of ledger.recover()) {
      const what = `portolan: a write was interrupted (${plain(summary)}, ${changes.length} files)`;
      const end =
        outcome === 'finished'
          ? 'it is finished now; "portolan undo" takes it back'
          : `it is taken back, for these were changed since: ${strange.map(plain).join(', ')}`;
      writeError(`${what}: ${end}.\n`);
    }
  } finally {
    ledger.close();
  }
}

/**
 * Shows what will be written, asks, and writes it all or nothing.
 *
 * @param named the files and folders that the caller named: those of the folder where the command runs must lie in it
 * @throws PortolanError `forbidden` when the answer is no, `file-changed`
 */
export async function writeTree(
  { root, named }: { root: string; named: readonly string[] },
  changes: readonly FileChange[],
  summary: string,
  { yes = false, quiet = false }: { yes?: boolean; quiet?: boolean },
): Promise<void> {
  refuseLinkedOut(named);
  if (!quiet) say(diffText(changes));
  await confirmed(`Write ${changes.length === 1 ? 'this file' : `these ${changes.length} files`}?`, yes);
  const ledger = openLedger();
  try {
    ledger.write(root, changes, summary);
  } finally {
    ledger.close();
  }
}

export function diffText(changes: readonly FileChange[]): string {
  return unifiedDiff(changes)
    .trimEnd()
    .split('\n')
    .map((line) => {
      // A tab and the end of a line are the only ones that files of text may well have.
      const shown = line.split('\t').map(plain).join('\t');
      if (/^(\+\+\+|---) /.test(line)) return paint('bold', shown);
      if (line.startsWith('@@')) return paint('cyan', shown);
      if (line.startsWith('+')) return paint('green', shown);
      return line.startsWith('-') ? paint('red', shown) : shown;
    })
    .join('\n');
}
