import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { PortolanError } from '@portolan/model';

/** Larger files are not edited, bytes. */
const SIZE_MAX = 16 * 1024 * 1024;

/**
 * Where a file of a tree is, by a way that passes no symbolic link: whatever the tree holds, nothing outside of it is
 * written.
 *
 * @param root as `realpath` gives it
 * @param file path from the root, parted by `/`; it need not exist
 * @throws PortolanError `forbidden`
 */
export function placeIn(root: string, file: string): string {
  const place = join(root, file);
  const inside = relative(root, place);
  if (inside === '' || inside.startsWith('..') || inside.split(sep).includes('..')) throw outside(file, root);
  const parent = nearestDirectory(dirname(place));
  if (parent !== root && !parent.startsWith(root + sep)) throw outside(file, root);
  if (realpathSync(parent) !== parent) throw linked(file);
  if (!lstatSync(parent).isDirectory()) throw new PortolanError('forbidden', `${file} lies below a file`, { file });
  const stat = lstatSync(place, { throwIfNoEntry: false });
  if (stat?.isSymbolicLink()) throw linked(file);
  if (stat && !stat.isFile()) throw new PortolanError('forbidden', `${file} is no file: it is not edited`, { file });
  return place;
}

/**
 * @returns the text with its byte order mark, `null` when there is no such file
 * @throws PortolanError `forbidden` for what cannot be edited without loss
 */
export function readText(root: string, file: string): string | null {
  const place = placeIn(root, file);
  const stat = lstatSync(place, { throwIfNoEntry: false });
  if (!stat) return null;
  if (stat.size > SIZE_MAX) {
    throw new PortolanError('forbidden', `${file} is larger than ${SIZE_MAX} bytes: it is not edited`, { file });
  }
  const bytes = readFileSync(place);
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) {
    throw new PortolanError('forbidden', `${file} is not written in UTF-8: edit it by hand`, { file });
  }
  return text;
}

/** What is there already on the way to a path: a folder, unless something else is in the way. */
function nearestDirectory(path: string): string {
  while (!existsSync(path)) path = dirname(path);
  return path;
}

function outside(file: string, root: string): PortolanError {
  return new PortolanError('forbidden', `${file} lies outside ${root}: it is not edited`, { file });
}

function linked(file: string): PortolanError {
  return new PortolanError('forbidden', `${file} is or lies behind a symbolic link: it is not edited`, { file });
}
