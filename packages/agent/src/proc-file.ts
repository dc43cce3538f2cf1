import { closeSync, openSync, readSync } from 'node:fs';

const buffer = Buffer.allocUnsafe(256 * 1024);

/**
 * Reads a small file of /proc, at most 256 KiB of it. Synchronous, since the kernel makes these files up from memory:
 * a thread hop would cost more than the read.
 *
 * @returns bytes that are good until the next call, or `null` when the process is gone or may not be looked into
 */
export function readProcFile(path: string): Buffer | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return null;
  }
  try {
    let length = 0;
    while (length < buffer.length) {
      const got = readSync(file, buffer, length, buffer.length - length, null);
      if (got === 0) break;
      length += got;
    }
    return buffer.subarray(0, length);
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}
