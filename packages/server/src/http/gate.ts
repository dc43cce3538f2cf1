import { timingSafeEqual } from 'node:crypto';
import {
  bearerOf,
  endOf,
  type Fleet,
  isOfStart,
  key,
  PortolanError,
  type StoredToken,
  sameRights,
  startParent,
  tokenIdOf,
} from '@portolan/model';
import { BOOTSTRAP, type Principal } from '../access/principal.ts';
import { digestOf } from '../access/tokens.ts';

/**
 * Tells whose token it is: that of the start, or one of the store. Each request costs one hash, of about a microsecond,
 * and a look-up by the id in the token, and of a login by that of its maker. Nothing is remembered between requests, so what
 * is revoked or expired counts for the very next one.
 */
export class Gate {
  readonly #bootstrap: Buffer;
  readonly #start: string;
  readonly #fleet: Fleet;

  /** @param token of the start; whoever has it may do everything */
  constructor(token: string, fleet: Fleet) {
    const digest = digestOf(token);
    this.#bootstrap = Buffer.from(digest);
    this.#start = startParent(digest);
    this.#fleet = fleet;
  }

  /** @throws PortolanError `unauthorized` */
  check(authorization: string | undefined): Principal {
    const token = bearerOf(authorization);
    if (token !== undefined) return this.admit(token);
    throw new PortolanError(
      'unauthorized',
      'this needs the header "authorization: Bearer <token>"; "portolan token show" prints the token',
    );
  }

  /** @throws PortolanError `unauthorized` */
  admit(token: string): Principal {
    const digest = Buffer.from(digestOf(token));
    if (timingSafeEqual(digest, this.#bootstrap)) return BOOTSTRAP;
    const id = tokenIdOf(token);
    const held = id === undefined ? undefined : this.#fleet.get('token', key.token(id))?.value;
    if (!held || !timingSafeEqual(digest, Buffer.from(held.digest))) {
      throw new PortolanError(
        'unauthorized',
        'the token is not valid here: it is another fleet\'s, was revoked, or has expired; "portolan token show" prints that of the machine of the coordinator',
      );
    }
    switch (endOf(held, this.#fleet, this.#start)) {
      case 'expired':
        throw new PortolanError('unauthorized', `the token "${held.name}" expired at ${held.expiresAt}`);
      case 'orphaned':
        throw new PortolanError(
          'unauthorized',
          `the login "${held.name}" ended with the token that it was made with; "portolan dashboard" makes a new one`,
        );
      default:
        return principalOf(held);
    }
  }

  /** Whether the token of one who was let in is still accepted. One with its id and other rights is another token. */
  stillAdmits(principal: Principal): boolean {
    if (principal.id === BOOTSTRAP.id) return true;
    const held = this.#fleet.get('token', key.token(principal.id))?.value;
    return held !== undefined && sameRights(held, principal) && endOf(held, this.#fleet, this.#start) === undefined;
  }
}

function principalOf(held: StoredToken): Principal {
  return isOfStart(held) ? { ...held, parent: BOOTSTRAP.id } : held;
}
