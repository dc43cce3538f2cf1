import type { StoredToken } from './access.ts';
import { key } from './entry.ts';
import type { Fleet } from './fleet.ts';

/**
 * What the logins of the token that a coordinator was started with have as their parent. That token is in no store; so
 * they are tied to its digest, and a coordinator that was started with another token does not accept them.
 *
 * @param digest of the token of the start
 */
export function startParent(digest: string): string {
  return `${START}${digest.slice(0, 16)}`;
}

const START = 'start:';

/** Whether a login was made with the token that a coordinator was started with. */
export function isOfStart({ parent }: Pick<StoredToken, 'parent'>): boolean {
  return parent?.startsWith(START) === true;
}

/**
 * Why a token is accepted no more, though its entry is still there: its time is over, or it is a login and the token that
 * it was made with is not accepted itself. So revoking a token needs to delete one entry, however many logins it has.
 *
 * A login makes no logins. Earlier releases allowed that; what came of it is not accepted.
 *
 * @param start parent of the logins of the start's token; `undefined` when that token is not known here
 * @param now ms
 */
export function endOf(
  { expiresAt, parent }: StoredToken,
  fleet: Fleet,
  start: string | undefined,
  now = Date.now(),
): 'expired' | 'orphaned' | undefined {
  if (isOver(expiresAt, now)) return 'expired';
  if (parent === undefined || parent === start) return undefined;
  const maker = fleet.get('token', key.token(parent))?.value;
  if (!maker || maker.parent !== undefined || isOver(maker.expiresAt, now)) return 'orphaned';
  return undefined;
}

function isOver(expiresAt: string | null, now: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now;
}
