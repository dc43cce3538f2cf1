import { existsSync, realpathSync } from 'node:fs';
import { link, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { PortolanError } from '@portolan/model';
import { confirmed } from './question.ts';

/** So many characters of its beginning tell that a file is an earlier output of the same kind. */
const HEAD = 30;

/**
 * Writes a file that the caller of a command named. It never goes through a symbolic link that lies in the folder where
 * the command runs, nor over a link: what a tree holds does not choose what is written elsewhere. Over a file that does not
 * begin as the new one does, somebody else's, it asks first. The file is whole at any moment.
 *
 * @param force overwrite without asking
 * @throws PortolanError `forbidden`; `invalid-request` when the system refuses
 */
export async function writeOutput(output: string, text: string, force = false): Promise<void> {
  const { placeIn } = await import('@portolan/plan');
  const { root, file } = homeOf(output);
  const place = placeIn(root, file);
  const before = await readFile(place, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw unwritable(output, error);
  });
  if (before !== undefined && !isEarlier(before, text)) {
    await confirmed(`${output} is there, and portolan did not write it. Overwrite it?`, force, '--force');
  }
  const beside = join(dirname(place), `.${basename(place)}.${process.pid}.new`);
  try {
    await writeFile(beside, text, { flag: 'wx', ...(before !== undefined && { mode: (await stat(place)).mode }) });
    // Nothing that appeared meanwhile is overwritten.
    if (before === undefined) await link(beside, place);
    else await rename(beside, place);
  } catch (error) {
    throw unwritable(output, error as NodeJS.ErrnoException);
  } finally {
    await unlink(beside).catch(() => {});
  }
}

/**
 * Where a named file is written: below the folder where the command runs, with all folders between looked at; what is named
 * elsewhere, below its own folder.
 *
 * @throws PortolanError `invalid-request` when there is no such folder
 */
function homeOf(output: string): { root: string; file: string } {
  const [here, place] = [process.cwd(), resolve(output)];
  const way = relative(here, place);
  if (isInside(way)) return { root: realpathSync(here), file: way };
  try {
    return { root: realpathSync(dirname(place)), file: basename(place) };
  } catch (error) {
    throw unwritable(output, error as NodeJS.ErrnoException);
  }
}

/**
 * What is named in the folder where the command runs, to be edited, has to lie there in truth.
 *
 * @throws PortolanError `forbidden`
 */
export function refuseLinkedOut(named: readonly string[]): void {
  const here = realpathSync(process.cwd());
  for (const path of named) {
    if (!isInside(relative(process.cwd(), resolve(path)))) continue;
    const real = realpathSync(nearest(resolve(path)));
    if (real === here || isInside(relative(here, real))) continue;
    throw new PortolanError(
      'forbidden',
      `${path} leads out of this folder by a symbolic link, to ${real}: nothing was written. Name that path if you mean it`,
      { path },
    );
  }
}

/** The path, or of one that is still to be made the folder in which that begins. */
function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}

function isInside(way: string): boolean {
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && resolve(way) !== way;
}

function isEarlier(before: string, text: string): boolean {
  return before === '' || before === text || before.slice(0, HEAD) === text.slice(0, HEAD);
}

function unwritable(output: string, { code, message }: NodeJS.ErrnoException): PortolanError {
  const why =
    code === 'ENOENT'
      ? `there is no folder ${dirname(output)}`
      : code === 'EEXIST'
        ? 'it was made meanwhile'
        : code === 'EISDIR'
          ? 'it is a folder'
          : message;
  return new PortolanError('invalid-request', `${output} cannot be written: ${why}`, { path: output });
}
