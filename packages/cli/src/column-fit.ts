/** No column is made narrower than this, characters: what is left of a cell has to be readable. */
const NARROWEST = 12;

/**
 * Breaks the cells of the widest columns into lines, so that rows are no wider than the terminal. Nothing is left out, and
 * what a program reads in a pipe is not broken: that is the caller's to see to.
 *
 * @param width of the terminal, and `gap` between columns, both in characters
 */
export function fitted(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
  gap: number,
): string[][] {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => lengthOf(row[at] ?? ''))));
  const least = head.map((title) => Math.max(title.length, NARROWEST));
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap * (head.length - 1) - width;
  while (excess > 0) {
    const spare = widths.map((each, at) => each - least[at]!);
    const widest = widths.reduce((most, each, at) => (spare[at]! > 0 && each > (widths[most] ?? 0) ? at : most), -1);
    if (widest < 0) break;
    // Down to the next widest, so that what is short stays whole.
    const next = Math.max(least[widest]!, ...widths.filter((each, at) => at !== widest && each < widths[widest]!));
    const less = Math.min(excess, Math.max(1, widths[widest]! - next));
    widths[widest]! -= less;
    excess -= less;
  }
  return rows.map((row) => row.map((cell, at) => broken(cell, widths[at]!)));
}

function broken(cell: string, width: number): string {
  // Colours are on short words alone.
  if (lengthOf(cell) <= width || cell.includes('\u001b')) return cell;
  const lines: string[] = [];
  for (let rest = [...cell]; rest.length > 0; ) {
    const piece = rest.slice(0, width).join('');
    // After a blank or a comma, where there is one that does not waste half of the line.
    const cut = rest.length > width ? Math.max(piece.lastIndexOf(' '), piece.lastIndexOf(',')) + 1 : 0;
    const taken = cut > width / 2 ? [...piece.slice(0, cut)].length : Math.min(width, rest.length);
    lines.push(rest.slice(0, taken).join('').trimEnd());
    rest = rest.slice(taken);
  }
  return lines.join('\n');
}

function lengthOf(cell: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours have no width
  return [...cell.replace(/\u001b\[[\d;]*m/g, '')].length;
}
