import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { PortolanError } from '@portolan/model';

/** Where this user's Portolan keeps its state: `PORTOLAN_STATE_DIR`, else by the XDG convention. */
export function stateDir(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.PORTOLAN_STATE_DIR) return environment.PORTOLAN_STATE_DIR;
  return join(environment.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'portolan');
}

export function tokenPath(directory: string = stateDir()): string {
  return join(directory, 'token');
}

/** @returns the token of the file, or `undefined` when there is none */
export async function readToken(directory: string = stateDir()): Promise<string | undefined> {
  try {
    return (await readFile(tokenPath(directory), 'utf8')).trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(tokenPath(directory), error);
  }
}

/** The token of the file, which is made when there is none. Two processes at once end with one token. */
export async function ensureToken(directory: string = stateDir()): Promise<string> {
  const present = await readToken(directory);
  if (present) return present;
  const path = tokenPath(directory);
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(draft, `ptn_${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    // Unlike a rename, a link fails when the name is taken: the first one wins, and its file is whole from the start.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await unlink(draft).catch(() => {});
  }
  const token = await readToken(directory);
  if (!token) throw unreadable(path, new Error('the file is empty: delete it'));
  return token;
}

function unreadable(path: string, cause: unknown): PortolanError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PortolanError('forbidden', `The token file ${path} cannot be used: ${reason}.`, { path }, { cause });
}
