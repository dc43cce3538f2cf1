import { timingSafeEqual } from 'node:crypto';
import { type Fleet, key, PortolanError, tokenIdOf } from '@portolan/model';
import { BOOTSTRAP, type Principal } from '../access/principal.ts';
import { hasExpired } from '../access/sessions.ts';
import { digestOf } from '../access/tokens.ts';

/**
 * Tells whose token it is: that of the start, or one of the store. Each request costs one hash, of about a microsecond,
 * and a look-up by the id in the token. Nothing is remembered between requests, so what is revoked or expired counts for
 * the very next one.
 */
export class Gate {
  readonly #bootstrap: Buffer;
  readonly #fleet: Fleet;

  /** @param token of the start; whoever has it may do everything */
  constructor(token: string, fleet: Fleet) {
    this.#bootstrap = Buffer.from(digestOf(token));
    this.#fleet = fleet;
  }

  /** @throws PortolanError `unauthorized` */
  check(authorization: string | undefined): Principal {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
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
    if (hasExpired(held))
      throw new PortolanError('unauthorized', `the token "${held.name}" expired at ${held.expiresAt}`);
    return held;
  }

  /** Whether the token of one who was let in is still accepted. */
  stillAdmits({ id }: Principal): boolean {
    if (id === BOOTSTRAP.id) return true;
    const held = this.#fleet.get('token', key.token(id))?.value;
    return held !== undefined && !hasExpired(held);
  }
}
