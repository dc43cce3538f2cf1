import { createHash, randomBytes, randomInt } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readState, readToken, stateDir, tokenPath, writeStateOnce } from '@portolan/client/node';
import { EnrolmentCode, formatToken, PortolanError, tokenIdOf } from '@portolan/model';
import { clientOf, type RemoteOptions } from './remote.ts';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * Sees to it that the agent of this host has a token of its own: where it has none and was given the code of an enrolment,
 * it makes one, has it accepted, and keeps it. The token is written down before anybody is asked, so that what is
 * interrupted goes on with the same.
 *
 * @throws PortolanError of the coordinator; `invalid-request` for a code that is none
 */
export async function enrolled(options: RemoteOptions & { enrolment?: string }, host: string): Promise<void> {
  if (options.token || process.env.PORTOLAN_TOKEN || (await readToken())) return;
  const code = await codeOf(options.enrolment);
  if (code === undefined) return;
  const draft = join(stateDir(), 'token.enrolling');
  await writeStateOnce(draft, `${newToken()}\n`);
  const token = await readState(draft, (text) => (tokenIdOf(text.trim()) ? text.trim() : undefined));
  const id = tokenIdOf(token ?? '');
  if (token === undefined || id === undefined) return;
  const client = await clientOf({ ...options, token });
  await client.enrol({ code, host, token: { id, digest: createHash('sha256').update(token).digest('base64url') } });
  await writeStateOnce(tokenPath(), `${token}\n`);
  await rm(draft, { force: true });
}

async function codeOf(file: string | undefined): Promise<string | undefined> {
  const text = file === undefined ? process.env.PORTOLAN_ENROLMENT : await read(file);
  if (!text) return undefined;
  const code = EnrolmentCode.safeParse(text.trim());
  if (code.success) return code.data;
  throw new PortolanError('invalid-request', `${file ?? 'PORTOLAN_ENROLMENT'}: ${code.error.issues[0]?.message}`);
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new PortolanError('invalid-request', `The file ${file} cannot be read: ${(error as Error).message}`);
  }
}

function newToken(): string {
  const id = Array.from({ length: 12 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return formatToken(id, randomBytes(32).toString('base64url'));
}
