import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCAL_API_PORT } from '@portolan/model';
import { checkedAnswers } from './checked-answers.ts';
import type { PortolanClient } from './client.ts';
import { connect } from './connect.ts';
import { guarded } from './dispatcher.ts';
import { stateDir } from './token.ts';

const TIMEOUT = 2_000;

/** A client of the local API of this machine's agent, which answers reads while no coordinator does. @param timeout ms */
export async function localAgent(
  token: string,
  { timeout = TIMEOUT, directory = stateDir() }: { timeout?: number; directory?: string } = {},
): Promise<PortolanClient> {
  return connect({ ...guarded('agent'), url: await localUrl(directory), token, patience: 0, timeout }, checkedAnswers);
}

/** Where the agent of this state directory says, else the usual place. */
async function localUrl(directory: string): Promise<string> {
  try {
    const { url } = JSON.parse(await readFile(join(directory, 'local-api.json'), 'utf8')) as { url?: unknown };
    if (typeof url === 'string' && /^http:\/\/127\.0\.0\.1:\d+$/.test(url)) return url;
  } catch {
    // Another user's agent, or none.
  }
  return `http://127.0.0.1:${LOCAL_API_PORT}`;
}
