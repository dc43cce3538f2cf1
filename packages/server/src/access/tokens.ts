import { hash, randomBytes } from 'node:crypto';
import {
  formatToken,
  type Held,
  key,
  PortolanError,
  type Position,
  type StoredToken,
  type TokenMade,
  type TokenRequest,
  type TokenView,
} from '@portolan/model';
import { customAlphabet } from 'nanoid';
import { alternative, put } from '../commands/entries.ts';
import type { Executor } from '../executor.ts';

/** How many tokens a fleet may have: one for each of its hosts, and as many again. */
export const TOKENS_MAX = 20_000;

export const newTokenId = customAlphabet('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 12);

/** Makes and revokes tokens. They are entries of the store, so that every coordinator knows them as soon as it is told. */
export class Tokens {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /**
   * @param parent id of the token that it goes with
   * @returns the token with its secret, which is kept nowhere
   */
  create(request: TokenRequest, createdBy: string, parent?: string): Promise<TokenMade> {
    const { ttl, ...rest } = request;
    const id = newTokenId();
    const token = formatToken(id, randomBytes(32).toString('base64url'));
    const now = Date.now();
    const view: TokenView = {
      id,
      ...rest,
      createdAt: new Date(now).toISOString(),
      createdBy,
      expiresAt: ttl === undefined ? null : new Date(now + ttl * 1000).toISOString(),
    };
    return this.#executor.execute(() => {
      if (this.#executor.fleet.count('token') >= TOKENS_MAX) throw tooMany();
      const entryKey = key.token(id);
      const only = alternative({
        conditions: [{ key: entryKey, version: null }],
        puts: [put<'token'>(entryKey, { ...view, digest: digestOf(token), ...(parent !== undefined && { parent }) })],
        // Named as its entry, so that it goes when its time is over; until then the gate looks at the time itself.
        leases: ttl === undefined ? [] : [{ id: entryKey, ttl: ttl * 1000 }],
      });
      return { alternatives: [only], answer: () => ({ ...view, token }) };
    });
  }

  /** @throws PortolanError `not-found` */
  revoke(id: string): Promise<{ token: TokenView; position: Position }> {
    return this.#executor.execute(() => {
      const held = this.#executor.fleet.get('token', key.token(id));
      if (!held)
        throw new PortolanError('not-found', `there is no token with the id ${id}: it was revoked, or it expired`);
      const going = [held, ...this.#madeWith(id)];
      const only = alternative({
        conditions: [{ key: held.key, version: held.version }],
        deletes: going.map((each) => each.key),
        leases: going.map((each) => ({ id: each.key, ttl: null })),
      });
      return { alternatives: [only], answer: ({ position }) => ({ token: viewOf(held.value), position }) };
    });
  }

  /** The logins of a token, and theirs. */
  #madeWith(id: string): Held<'token'>[] {
    const children = Array.from(this.#executor.fleet.all('token')).filter(({ value }) => value.parent === id);
    return children.flatMap((child) => [child, ...this.#madeWith(child.value.id)]);
  }
}

/** SHA-256, 43 characters of base64url. */
export function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

export function viewOf({ digest: _digest, parent: _parent, ...view }: StoredToken): TokenView {
  return view;
}

function tooMany(): PortolanError {
  return new PortolanError(
    'too-many',
    `there are ${TOKENS_MAX} tokens already; revoke those that nobody uses ("portolan token list")`,
  );
}
