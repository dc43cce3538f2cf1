import { createTwoFilesPatch } from 'diff';
import { changed, type Edit, splice } from './splice.ts';
import { readText } from './tree.ts';

/** What happens to one file. */
export interface FileChange {
  /** Path from the root of the tree, parted by `/`. */
  readonly file: string;
  /** `null`: there is no such file. */
  readonly before: string | null;
  readonly after: string | null;
}

/**
 * Reads the files and makes the edits in memory; files that stay as they are, are left out.
 *
 * @param root as `realpath` gives it
 * @throws PortolanError `file-changed`, `forbidden`
 */
export function changesBy(root: string, edits: readonly Edit[]): FileChange[] {
  const changes: FileChange[] = [];
  for (const [file, own] of Map.groupBy(edits, (edit) => edit.file)) {
    const before = readText(root, file);
    if (before === null) throw changed(file);
    const after = splice(before, own);
    if (after !== before) changes.push({ file, before, after });
  }
  return changes.sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** A unified diff that `git apply` and `patch -p1` take. */
export function unifiedDiff(changes: readonly FileChange[]): string {
  return changes
    .map(({ file, before, after }) =>
      createTwoFilesPatch(
        before === null ? '/dev/null' : `a/${file}`,
        after === null ? '/dev/null' : `b/${file}`,
        before ?? '',
        after ?? '',
        undefined,
        undefined,
        { context: 2, headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true } },
      ),
    )
    .join('');
}
