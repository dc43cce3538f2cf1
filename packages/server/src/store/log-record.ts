import { type Position, revisionOf } from '@portolan/model';
import { type Alternative, type Change, type Entry, HistoryLostError } from './store.ts';

/** Parts the texts of a record, so no key or value may hold it. `commit.lua` writes the same form. */
export const SEPARATOR = '\u001f';

/** What the log keeps of one group. */
export interface LogRecord {
  /** The position that this group follows: a chain, by which a reader notices a gap or a fork. */
  readonly previous: Position;
  readonly changes: Change[];
}

/** @param position that of the group; it is the record's id and not part of its text */
export function decodeRecord(position: Position, text: string): LogRecord {
  const [previous = '', ...operations] = text.split(SEPARATOR);
  const changes: OpenChange[] = [];
  let open: OpenChange | undefined;
  for (let i = 0; i + 1 < operations.length; i += 2) {
    const key = operations[i] as string;
    const operation = operations[i + 1] as string;
    const isDelete = operation.startsWith('-');
    const { version, value } = decodeEntry(key, isDelete ? operation.slice(1) : operation);
    const dot = version.indexOf('.');
    const revision = Number(version.slice(dot + 1));
    if (open?.revision !== revision) {
      open = { position, revision, epoch: Number(version.slice(0, dot)), puts: [], deletes: [] };
      changes.push(open);
    }
    if (isDelete) open.deletes.push(key);
    else open.puts.push({ key, value });
  }
  return { previous, changes };
}

/** @returns the position that the group of this record follows, without reading the rest */
export function previousOf(text: string): Position {
  const end = text.indexOf(SEPARATOR);
  return (end < 0 ? text : text.slice(0, end)) as Position;
}

export function encodeRecord({ previous, changes }: LogRecord): string {
  const texts: string[] = [previous];
  for (const { epoch, revision, puts, deletes } of changes) {
    for (const { key, value } of puts) texts.push(key, `${epoch}.${revision} ${value}`);
    for (const key of deletes) texts.push(key, `-${epoch}.${revision}`);
  }
  return texts.join(SEPARATOR);
}

/** @param text `<version> <value>` */
export function decodeEntry(key: string, text: string): Entry {
  const space = text.indexOf(' ');
  return space < 0
    ? { key, version: text, value: '' }
    : { key, version: text.slice(0, space), value: text.slice(space + 1) };
}

/** Whether the alternative takes a revision. */
export function leavesTrace({ puts, deletes }: Alternative): boolean {
  return puts.length > 0 || deletes.length > 0;
}

/**
 * @param position where a reader is
 * @param previous what the next record at hand follows, or the head when there is none
 * @throws HistoryLostError when these are two places
 */
export function checkSuccessor(position: Position, previous: Position): void {
  if (position === previous) return;
  throw new HistoryLostError(revisionOf(previous) > revisionOf(position) ? 'trimmed' : 'diverged');
}

interface OpenChange extends Change {
  puts: { key: string; value: string }[];
  deletes: string[];
}
