import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readState, writeStateOnce } from './state-file.ts';

/** Where this user's Portolan keeps its state: `PORTOLAN_STATE_DIR`, else by the XDG convention. */
export function stateDir(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.PORTOLAN_STATE_DIR) return environment.PORTOLAN_STATE_DIR;
  return join(environment.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'portolan');
}

export function tokenPath(directory: string = stateDir()): string {
  return join(directory, 'token');
}

/** @returns the token of the file, or `undefined` when there is none @throws PortolanError `forbidden` when it is damaged */
export function readToken(directory: string = stateDir()): Promise<string | undefined> {
  return readState(tokenPath(directory), (text) => {
    const token = text.trim();
    return /^[\x21-\x7e]+$/.test(token) ? token : undefined;
  });
}

/** The token of the file, which is made when there is none. Two processes at once end with one token. */
export async function ensureToken(directory: string = stateDir()): Promise<string> {
  const present = await readToken(directory);
  if (present) return present;
  const token = `ptn_${randomBytes(32).toString('base64url')}`;
  if (await writeStateOnce(tokenPath(directory), `${token}\n`)) return token;
  return (await readToken(directory)) ?? token;
}
