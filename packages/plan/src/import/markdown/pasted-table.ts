import { columnRole } from './column-role.ts';
import type { Passage } from './passage.ts';

/** A table of a document, whatever it was written as. Cells are without the bars and blanks around them. */
export interface TableText {
  head: Passage[];
  rows: Passage[][];
  offset: number;
  /** Of the first character after it. */
  end: number;
}

/**
 * Finds tables that lost their lines when they were pasted, so that each cell stands on a line of its own:
 *
 * ```
 * | Port |
 * Service |
 * | 3001 |
 * mana-auth |
 * ```
 *
 * A line that begins with a bar begins a row, or is an empty cell where there is nothing but the bar. The first row has to
 * be of known headers, or nothing is taken for a table.
 */
export function pastedTables(lines: readonly Passage[]): TableText[] {
  const tables: TableText[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (!isRowStart(lines[at]!.text)) continue;
    const { rows, next } = rowsFrom(lines, at);
    const [head, ...body] = rows;
    const known = head?.filter(({ text }) => columnRole(text) !== undefined).length ?? 0;
    if (head && body.length > 0 && head.length >= 2 && known >= 1 && known * 2 >= head.length) {
      const last = lines[next - 1]!;
      tables.push({ head, rows: body, offset: lines[at]!.offset, end: last.offset + last.text.length });
      at = next - 1;
    }
  }
  return tables;
}

function rowsFrom(lines: readonly Passage[], start: number): { rows: Passage[][]; next: number } {
  const rows: Passage[][] = [];
  let next = start;
  for (; next < lines.length; next++) {
    const { text } = lines[next]!;
    if (isRowStart(text)) rows.push([cell(lines[next]!)]);
    else if (text.trimEnd().endsWith('|') && !/\|.*\|/.test(text.slice(0, 500))) rows.at(-1)!.push(cell(lines[next]!));
    else break;
  }
  return { rows, next };
}

/** `| 3001 |`, with one cell. */
function isRowStart(text: string): boolean {
  return /^\s{0,3}\|\s*[^|\s][^|]{0,1000}\|\s*$/.test(text);
}

function cell({ text, offset }: Passage): Passage {
  const inner = text.replace(/^\s{0,3}\|?/, (bar) => ' '.repeat(bar.length)).replace(/\|\s*$/, '');
  const trimmed = inner.trim();
  return { text: trimmed, offset: offset + inner.length - inner.trimStart().length };
}
