import { timingSafeEqual } from 'node:crypto';
import { PortolanError } from '@portolan/model';

/** Tells whether a token is the one that this coordinator was started with. */
export class Gate {
  readonly #token: Buffer;

  constructor(token: string) {
    this.#token = Buffer.from(token);
  }

  /** @throws PortolanError `unauthorized` */
  check(authorization: string | undefined): void {
    const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new PortolanError(
        'unauthorized',
        'this needs the header "authorization: Bearer <token>"; "portolan token show" prints the token',
      );
    }
    if (!this.admits(token))
      throw new PortolanError(
        'unauthorized',
        'the token is not valid here; "portolan token show" prints the right one',
      );
  }

  admits(token: string): boolean {
    const shown = Buffer.from(token);
    return shown.length === this.#token.length && timingSafeEqual(shown, this.#token);
  }
}
