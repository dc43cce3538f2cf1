import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateDir } from './token.ts';

const fileIn = (directory: string) => join(directory, 'coordinator.json');

/**
 * Where `portolan up` of this user serves, as it wrote down in the state directory, beside the token: so whoever could change
 * that has the token, too.
 *
 * @returns a URL on loopback; `undefined` when none runs, or nothing that can be used is written there
 */
export async function ownCoordinator(directory: string = stateDir()): Promise<string | undefined> {
  try {
    const { url } = JSON.parse(await readFile(fileIn(directory), 'utf8')) as { url?: unknown };
    return typeof url === 'string' && /^http:\/\/127\.0\.0\.1:\d{1,5}$/.test(url) ? url : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Writes down where this process serves, for the commands and programs of this user.
 *
 * @returns what takes it back, unless another one has written there since
 * @throws the system's error when the state directory cannot be written to
 */
export async function tellOwnCoordinator(url: string, directory: string = stateDir()): Promise<() => Promise<void>> {
  const draft = `${fileIn(directory)}.${process.pid}`;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(draft, `${JSON.stringify({ url })}\n`, { mode: 0o600 });
  await rename(draft, fileIn(directory));
  return async () => {
    if ((await ownCoordinator(directory)) === url) await rm(fileIn(directory), { force: true });
  };
}
