import type { PortNote } from '@portolan/model';
import { plain } from './output.ts';
import { writeError } from './terminal.ts';

/** What is worth knowing of the ports that a command was given: a line for each, on stderr. */
export function tellNotes(notes: readonly PortNote[] = []): void {
  for (const { detail } of notes) writeError(`portolan: ${plain(detail)}\n`);
}
