import Table from 'cli-table3';
import { fitted } from './column-fit.ts';
import { paint, writeJson, writeOut } from './terminal.ts';

export { paint };

/** Between columns, characters. */
const GAP = 2;

export function say(text: string): void {
  writeOut(`${text}\n`);
}

/** For programs: one JSON document. */
export function sayJson(value: unknown): void {
  writeJson(value);
}

/**
 * Text that came from elsewhere, for a line among others: nothing in it begins a line of its own. What else it may hold
 * `terminal.ts` makes harmless.
 */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/**
 * `host-a, host-b, host-c and 9 more`
 *
 * @param count how many there are, where not all of them are at hand
 */
export function abridged(names: readonly string[], count = names.length): string {
  return count > 3 ? `${names.slice(0, 3).join(', ')} and ${count - 3} more` : names.join(', ');
}

/** Columns without lines, as `ls` and `ps` have them; at a terminal, cells are wrapped so that no row is wider than it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: ' '.repeat(GAP),
  };
  const grid = new Table({
    head: head.map((title) => paint('dim', title)),
    chars: none,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  const width = process.stdout.isTTY ? process.stdout.columns : undefined;
  grid.push(...(width ? fitted(head, rows, width, GAP) : rows).map((row) => [...row]));
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
