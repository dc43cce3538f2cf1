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
 * Whoever enrols chooses the id of its token, and may choose one that was revoked. So an entry of the parent's id is not
 * enough: a login has the rights of its maker, and one with others was made by somebody else.
 *
 * @param start parent of the logins of the start's token; `undefined` when that token is not known here
 * @param now ms
 */
export function endOf(
  token: StoredToken,
  fleet: Fleet,
  start: string | undefined,
  now = Date.now(),
): 'expired' | 'orphaned' | undefined {
  const { expiresAt, parent } = token;
  if (isOver(expiresAt, now)) return 'expired';
  if (parent === undefined || parent === start) return undefined;
  const maker = makerOf(parent, fleet);
  if (!maker || isOver(maker.expiresAt, now) || !sameRights(maker, token)) return 'orphaned';
  return undefined;
}

/**
 * The token that logins have as their parent, if it is there still. A login makes no logins: earlier releases allowed
 * that, and what came of it is not accepted.
 */
export function makerOf(parent: string, fleet: Fleet): StoredToken | undefined {
  const maker = fleet.get('token', key.token(parent))?.value;
  return maker?.parent === undefined ? maker : undefined;
}

/** Whether two tokens may do the same, so that who has the id of the other has gained nothing by it. */
export function sameRights(a: Rights, b: Rights): boolean {
  return a.role === b.role && a.host === b.host && JSON.stringify(a.projects) === JSON.stringify(b.projects);
}

type Rights = Pick<StoredToken, 'role' | 'projects' | 'host'>;

function isOver(expiresAt: string | null, now: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now;
}
