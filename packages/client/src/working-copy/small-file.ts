import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs';

/** Enough for any package.json that a person wrote. */
const BYTES_MAX = 256 * 1024;

/**
 * Reads a small text file of a working copy that may be anybody's: it is read by an agent that runs as root, too. So no
 * symbolic link is followed, nothing but a regular file is read, and a pipe that nobody writes to is not waited for.
 *
 * @param path absolute, without symbolic links
 * @returns `undefined` when there is no such file, or it is none to read in this way
 */
export function readSmallFile(path: string): string | undefined {
  let file: number;
  try {
    // Windows has none of these flags.
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_NOCTTY = 0 } = constants;
    file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > BYTES_MAX || !isStill(file, path)) return undefined;
    const buffer = Buffer.alloc(stat.size);
    let length = 0;
    while (length < buffer.length) {
      const got = readSync(file, buffer, length, buffer.length - length, null);
      if (got === 0) break;
      length += got;
    }
    return buffer.toString('utf8', 0, length);
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** A directory on the way to it may have become a link to somewhere else a moment ago. */
function isStill(file: number, path: string): boolean {
  return process.platform !== 'linux' || readlinkSync(`/proc/self/fd/${file}`) === path;
}
