import { PortolanError } from '@portolan/model';

/** One replacement in a file. */
export interface Edit {
  /** Path from the root of the tree, parted by `/`. */
  readonly file: string;
  /** UTF-16 code units from the start of the text, a byte order mark included. */
  readonly offset: number;
  /** What stands there now; an empty text inserts. */
  readonly expected: string;
  readonly replacement: string;
}

/**
 * The text with all replacements made. Saying the same twice is saying it once.
 *
 * @throws PortolanError `file-changed` when something else stands in a place; `internal` when two edits disagree
 */
export function splice(text: string, edits: readonly Edit[]): string {
  const ordered = [...edits].sort((a, b) => a.offset - b.offset || a.expected.length - b.expected.length);
  const parts: string[] = [];
  let end = 0;
  let last: Edit | undefined;
  for (const edit of ordered) {
    if (last && isSame(last, edit)) continue;
    const { file, offset, expected, replacement } = edit;
    if (last && offset < end) {
      throw new PortolanError(
        'internal',
        `${file} would be edited twice at ${offset}: to "${last.replacement}" and to "${replacement}"`,
      );
    }
    if (text.slice(offset, offset + expected.length) !== expected) throw changed(file);
    parts.push(text.slice(end, offset), replacement);
    end = offset + expected.length;
    last = edit;
  }
  parts.push(text.slice(end));
  return parts.join('');
}

export function changed(file: string): PortolanError {
  return new PortolanError('file-changed', `${file} has changed since it was read: nothing was written; run it again`, {
    file,
  });
}

function isSame(a: Edit, b: Edit): boolean {
  return a.offset === b.offset && a.expected === b.expected && a.replacement === b.replacement;
}
