import { styleText } from 'node:util';
import Table from 'cli-table3';

type Style = Parameters<typeof styleText>[0];

/** Colours for a person at a terminal: none in a pipe, nor with NO_COLOR. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** For programs: one JSON document. */
export function sayJson(value: unknown): void {
  say(process.stdout.isTTY ? JSON.stringify(value, null, 2) : JSON.stringify(value));
}

/**
 * Text that came from elsewhere, made harmless for a terminal: a command line of any process of the fleet may carry
 * control characters that rewrite the screen.
 */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

/**
 * `host-a, host-b, host-c and 9 more`
 *
 * @param count how many there are, where not all of them are at hand
 */
export function abridged(names: readonly string[], count = names.length): string {
  return count > 3 ? `${names.slice(0, 3).join(', ')} and ${count - 3} more` : names.join(', ');
}

/** Columns without lines, as `ls` and `ps` have them. */
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
    middle: '  ',
  };
  const grid = new Table({
    head: head.map((title) => paint('dim', title)),
    chars: none,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  grid.push(...rows.map((row) => [...row]));
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
