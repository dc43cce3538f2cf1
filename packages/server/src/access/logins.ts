import { randomBytes } from 'node:crypto';
import { PortolanError, type TokenMade } from '@portolan/model';
import { type Act, acting } from './act.ts';
import { BOOTSTRAP, type Principal } from './principal.ts';
import { digestOf, type Tokens } from './tokens.ts';

/** How long a code may be used, and how long the token that it is exchanged for is accepted, ms. */
const CODE_KEPT = 10 * 60_000;
const LOGIN_KEPT = 12 * 3_600_000;
const CODES_MAX = 1_000;

/**
 * Lets somebody into the dashboard by a link: it holds a code that works once, and soon no more, so it does no harm in a
 * scrollback or a browser's history. The code is exchanged for a token that may do what the maker's token may, for half a
 * day, and no longer than the maker's own. Codes are known to the coordinator that made them alone.
 */
export class Logins {
  readonly #tokens: Tokens;
  readonly #isValid: (principal: Principal) => boolean;
  readonly #codes = new Map<string, { readonly act: Act; readonly expires: number }>();

  /** @param isValid whether the maker's token is still accepted when its code comes */
  constructor(tokens: Tokens, isValid: (principal: Principal) => boolean) {
    this.#tokens = tokens;
    this.#isValid = isValid;
  }

  /** @throws PortolanError `too-many` */
  create(act: Act): { code: string; expiresAt: string } {
    const now = Date.now();
    for (const [digest, { expires }] of this.#codes) if (expires <= now) this.#codes.delete(digest);
    if (this.#codes.size >= CODES_MAX) {
      throw new PortolanError('too-many', `there are ${CODES_MAX} logins that nobody used; wait ten minutes`);
    }
    const code = randomBytes(24).toString('base64url');
    const expires = now + CODE_KEPT;
    this.#codes.set(digestOf(code), { act, expires });
    return { code, expiresAt: new Date(expires).toISOString() };
  }

  /** @throws PortolanError `unauthorized` */
  async redeem(code: string): Promise<TokenMade> {
    const digest = digestOf(code);
    const found = this.#codes.get(digest);
    this.#codes.delete(digest);
    if (!found || found.expires <= Date.now() || !this.#isValid(found.act.principal)) {
      throw new PortolanError(
        'unauthorized',
        'this link was used before, is older than ten minutes, or another coordinator made it; "portolan dashboard" makes a new one',
      );
    }
    const { principal } = found.act;
    const left = principal.expiresAt === null ? LOGIN_KEPT : Date.parse(principal.expiresAt) - Date.now();
    const request = {
      name: `dashboard of ${principal.name}`.slice(0, 100),
      role: principal.role,
      projects: principal.projects,
      host: principal.host,
      ttl: Math.max(1, Math.floor(Math.min(LOGIN_KEPT, left) / 1000)),
    };
    const parent = principal.id === BOOTSTRAP.id ? undefined : principal.id;
    return acting({ ...found.act, action: 'create-token' }, () => this.#tokens.create(request, principal.name, parent));
  }
}
