import { mkdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A holder touches its lock each second; one that has not for so long is dead. Milliseconds. */
const STALE_AFTER = 15_000;

/**
 * Runs `work` while no other process of this machine holds the lock `path`.
 *
 * A directory that its holder keeps touching, rather than a file with a pid: it also holds between containers that
 * share the folder but not their pids.
 *
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!take(path)) {
    if (!told) process.stderr.write('… waiting for another set-up of this folder to finish\n');
    told = true;
    await sleep(200);
  }
  const heartbeat = setInterval(() => utimesSync(path, new Date(), new Date()), 1000);
  const release = () => rmSync(path, { recursive: true, force: true });
  process.on('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    process.off('exit', release);
    release();
  }
}

/** @param {string} path */
function take(path) {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (touched !== undefined && Date.now() - touched > STALE_AFTER) {
    // Of several that wait, one rename succeeds; then all try again.
    try {
      const dead = `${path}.${process.pid}`;
      renameSync(path, dead);
      rmSync(dead, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return false;
}
