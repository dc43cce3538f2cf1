import { ensureToken, tokenPath } from '@portolan/client/node';
import { PortolanError } from '@portolan/model';

/** 32 characters of 6 bits are 192 bits; of hexadecimal digits, 128. */
const LENGTH_MIN = 32;
/** Of 32 random hexadecimal digits there are fewer kinds than this once in thirty million. */
const KINDS_MIN = 8;

/**
 * The token that a coordinator starts with: `PORTOLAN_TOKEN`, else that of the token file, which is made when there is none.
 *
 * @throws PortolanError `invalid-request` when it could be guessed
 */
export async function startToken(): Promise<string> {
  const given = process.env.PORTOLAN_TOKEN;
  const token = given || (await ensureToken());
  const weakness = weaknessOf(token);
  if (weakness === undefined) return token;
  const [from, instead] = given
    ? ['PORTOLAN_TOKEN', 'or unset it and have one made']
    : [`The token in ${tokenPath()}`, 'or delete the file and have one made'];
  throw new PortolanError(
    'invalid-request',
    `${from} ${weakness}. Whoever guesses this token may do everything, and it can be tried out without asking anybody: ` +
      `its SHA-256 goes to each agent by gossip. Make one with "openssl rand -base64 32", ${instead}. ` +
      'Whoever shows it now (agents, scripts) needs the new one, or a token of their own (portolan token create); ' +
      'coordinators on one Redis change together.',
  );
}

/** Why a token is no random one; `undefined` when it may well be. */
export function weaknessOf(token: string): string | undefined {
  if (token.length < LENGTH_MIN) return `has ${token.length} characters; it needs ${LENGTH_MIN} random ones`;
  if (new Set(token).size < KINDS_MIN || /^(.+?)\1+$/.test(token)) return 'repeats itself, so it is not random';
  return undefined;
}
