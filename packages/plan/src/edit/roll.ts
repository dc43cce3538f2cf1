import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PortolanError } from '@portolan/model';
import type { FileChange } from './change.ts';
import { placeIn, readText } from './tree.ts';

/**
 * Brings files from `before` to `after`, each by a rename, so that each is whole at any moment. Those that stand at
 * `after` already are passed over. When one stands at neither, nothing is changed.
 *
 * @param id names the drafts beside the files; those that an interrupted run of this id left behind are removed
 * @returns the files that stand at neither
 * @throws PortolanError, or the system's error: some files may have been changed then
 */
export function advance(root: string, id: number, changes: readonly FileChange[]): string[] {
  const { strange, movable } = survey(root, id, changes);
  if (strange.length === 0) for (const change of movable) replace(root, id, change);
  return strange;
}

/** As `advance`, back to `before`; files that stand at neither are left as they are. */
export function retreat(root: string, id: number, changes: readonly FileChange[]): string[] {
  const backwards = changes.map(({ file, before, after }) => ({ file, before: after, after: before }));
  const { strange, movable } = survey(root, id, backwards);
  for (const change of movable) replace(root, id, change);
  return strange;
}

function survey(
  root: string,
  id: number,
  changes: readonly FileChange[],
): { strange: string[]; movable: FileChange[] } {
  const strange: string[] = [];
  const movable: FileChange[] = [];
  for (const change of changes) {
    const current = currentOf(root, id, change.file);
    if (current === change.after) continue;
    if (current === change.before) movable.push(change);
    else strange.push(change.file);
  }
  return { strange, movable };
}

/** @returns `undefined` for what is there and is no file that could be edited */
function currentOf(root: string, id: number, file: string): string | null | undefined {
  try {
    rmSync(draftOf(root, file, id), { force: true });
    return readText(root, file);
  } catch (error) {
    if (error instanceof PortolanError) return undefined;
    throw error;
  }
}

function replace(root: string, id: number, { file, after }: FileChange): void {
  const place = placeIn(root, file);
  if (after === null) {
    rmSync(place);
  } else {
    mkdirSync(dirname(place), { recursive: true });
    const stat = lstatSync(place, { throwIfNoEntry: false });
    const draft = draftOf(root, file, id);
    const handle = openSync(draft, 'wx', 0o666);
    try {
      if (stat) {
        fchmodSync(handle, stat.mode);
        if (process.getuid?.() === 0) fchownSync(handle, stat.uid, stat.gid);
      }
      writeFileSync(handle, after);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(draft, place);
  }
  syncDirectory(dirname(place));
}

function draftOf(root: string, file: string, id: number): string {
  const place = placeIn(root, file);
  return join(dirname(place), `.${basename(place)}.portolan-${id}`);
}

/** Makes the new name last. Where directories cannot be synced, the system sees to it. */
function syncDirectory(path: string): void {
  try {
    const handle = openSync(path, 'r');
    fsyncSync(handle);
    closeSync(handle);
  } catch {
    // Windows has no such thing.
  }
}
