import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stateDir } from '@portolan/client/node';

/** The file that a coordinator keeps its state in unless told otherwise. Makes its directory, for this user alone. */
export async function ownDataFile(): Promise<string> {
  const directory = stateDir();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return join(directory, 'portolan.sqlite');
}
