import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { HostId } from '@portolan/model';
import { stateDir } from './token.ts';

/**
 * The host of this machine, for requests that name it: its id, which is unique, where its agent keeps one that this user
 * can read; else its name.
 */
export async function ownHost(directory: string = stateDir()): Promise<string> {
  const kept = await readFile(join(directory, 'host-id'), 'utf8').catch(() => '');
  return HostId.safeParse(kept.trim()).data ?? hostname();
}
