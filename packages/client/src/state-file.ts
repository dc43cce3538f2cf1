import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PortolanError } from '@portolan/model';

/**
 * Reads a small file of state.
 *
 * @param parse gives `undefined` for what it cannot read: a file that is damaged is told, never taken for none
 * @returns `undefined` when there is no such file
 * @throws PortolanError `forbidden` with what to do
 */
export async function readState<T>(path: string, parse: (text: string) => T | undefined): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(path, error instanceof Error ? error.message : String(error), error);
  }
  const value = parse(text);
  if (value === undefined) throw unusable(path, 'it is damaged; restore it, or delete it to begin anew');
  return value;
}

/**
 * Writes a file of state, for this user alone, unless there is one of that name: of several that write at once one
 * wins, and its file is whole from the start, also after a loss of power.
 *
 * @returns whether it was written
 * @throws PortolanError `forbidden` when the place cannot be written to
 */
export async function writeStateOnce(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike a rename, a link fails when the name is taken.
    await link(draft, path);
    await syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw unusable(path, error instanceof Error ? error.message : String(error), error);
  } finally {
    await unlink(draft).catch(() => {});
  }
}

/** Makes the new name last. Where directories cannot be synced, the system sees to it. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  await directory?.sync().catch(() => {});
  await directory?.close();
}

function unusable(path: string, reason: string, cause?: unknown): PortolanError {
  return new PortolanError('forbidden', `The state file ${path} cannot be used: ${reason}.`, { path }, { cause });
}
