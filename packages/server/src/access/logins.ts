import { randomBytes } from 'node:crypto';
import { addTo, PortolanError, removeFrom, type TokenMade } from '@portolan/model';
import { type Act, acting } from './act.ts';
import { describe, type Principal } from './principal.ts';
import { digestOf, type Tokens } from './tokens.ts';

/** How long a code may be used, and how long the token that it is exchanged for is accepted, ms. */
const CODE_KEPT = 10 * 60_000;
const LOGIN_KEPT = 12 * 3_600_000;
/** Codes of one token that wait to be used. */
const CODES_MAX = 10;

interface Code {
  readonly act: Act;
  /** ms */
  readonly expires: number;
}

/**
 * Lets somebody into the dashboard by a link: it holds a code that works once, and soon no more, so it does no harm in a
 * scrollback or a browser's history. The code is exchanged for a token that may do what the maker's token may, for half a
 * day, and no longer than the maker's own. Codes are known to the coordinator that made them alone.
 */
export class Logins {
  readonly #tokens: Tokens;
  readonly #isValid: (principal: Principal) => boolean;
  /** By digest, the oldest first. */
  readonly #codes = new Map<string, Code>();
  /** Digests of the codes of each token, the oldest first. */
  readonly #ofToken = new Map<string, Set<string>>();

  /** @param isValid whether the maker's token is still accepted when its code comes */
  constructor(tokens: Tokens, isValid: (principal: Principal) => boolean) {
    this.#tokens = tokens;
    this.#isValid = isValid;
  }

  /**
   * The oldest of too many codes of one token gives way to the new one: so nobody is kept out by links that were never
   * opened, and nobody keeps others out.
   *
   * @throws PortolanError `forbidden` for a login, which ends with its maker and makes nothing that does not
   */
  create(act: Act): { code: string; expiresAt: string } {
    const { principal } = act;
    if (principal.parent !== undefined) {
      throw new PortolanError(
        'forbidden',
        `${describe(principal)} is a login itself, and a login makes no further ones; make the link with the token that it came from ("portolan dashboard")`,
      );
    }
    const now = Date.now();
    for (const [digest, { expires }] of this.#codes) {
      if (expires > now) break;
      this.#take(digest);
    }
    const [first] = this.#ofToken.get(principal.id) ?? [];
    if (first !== undefined && this.#ofToken.get(principal.id)!.size >= CODES_MAX) this.#take(first);

    const code = randomBytes(24).toString('base64url');
    const expires = now + CODE_KEPT;
    this.#codes.set(digestOf(code), { act, expires });
    addTo(this.#ofToken, principal.id, digestOf(code));
    return { code, expiresAt: new Date(expires).toISOString() };
  }

  /** @throws PortolanError `unauthorized` */
  async redeem(code: string): Promise<TokenMade> {
    const found = this.#take(digestOf(code));
    if (!found || found.expires <= Date.now() || !this.#isValid(found.act.principal)) {
      throw new PortolanError(
        'unauthorized',
        'this link was used before, is older than ten minutes, gave way to newer ones, or another coordinator made it; "portolan dashboard" makes a new one',
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
    return acting({ ...found.act, action: 'log-in' }, () => this.#tokens.logIn(principal, request));
  }

  #take(digest: string): Code | undefined {
    const found = this.#codes.get(digest);
    if (!found) return undefined;
    this.#codes.delete(digest);
    removeFrom(this.#ofToken, found.act.principal.id, digest);
    return found;
  }
}
