import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PortolanError } from '@portolan/model';
import { readState, writeStateOnce } from '../state-file.ts';
import { stateDir } from '../token.ts';

const HIGHEST = 65_535;

/** Where the numbers of a project's trees are kept: a file for each number, which holds the directory that has it. */
function book(project: string, state: string): string {
  return join(state, 'instances', project);
}

/** The number that a directory has in a project on this machine, if it was given one. */
export async function instanceOf(project: string, root: string, state = stateDir()): Promise<number | undefined> {
  return (await numbers(project, state)).get(root);
}

/**
 * Gives the directory the lowest number, from 2 on, that no other directory has; it is its own from then on. Of two that
 * ask at once each gets one.
 */
export async function claimInstance(project: string, root: string, state = stateDir()): Promise<number> {
  const taken = new Set((await numbers(project, state)).values());
  for (let number = 2; number <= HIGHEST; number++) {
    if (taken.has(number)) continue;
    if (await writeStateOnce(join(book(project, state), String(number)), `${root}\n`)) return number;
  }
  throw new PortolanError('range-exhausted', `All ${HIGHEST} instances of ${project} are given to directories.`);
}

/** By directory; where a directory has several numbers, its newest, that is, the highest. */
async function numbers(project: string, state: string): Promise<Map<string, number>> {
  const directory = book(project, state);
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new PortolanError('forbidden', `${directory} cannot be read: ${error.message}.`, { path: directory });
  });
  const found = new Map<string, number>();
  const given = names.filter((name) => /^[1-9]\d{0,4}$/.test(name)).map(Number);
  for (const number of given.sort((a, b) => a - b)) {
    const root = await readState(join(directory, String(number)), (text) => /^(\/.+|\w:.+)\n$/s.exec(text)?.[1]);
    if (root !== undefined) found.set(root, number);
  }
  return found;
}
