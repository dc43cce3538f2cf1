import { hash, randomBytes } from 'node:crypto';
import {
  type Fleet,
  formatToken,
  type Held,
  key,
  PortolanError,
  type Position,
  type StoredToken,
  startParent,
  type TokenMade,
  type TokenRequest,
  type TokenView,
} from '@portolan/model';
import { customAlphabet } from 'nanoid';
import { alternative, put } from '../commands/entries.ts';
import type { Executor } from '../executor.ts';
import { BOOTSTRAP, type Principal } from './principal.ts';

/** How many tokens a fleet may have: one for each of its hosts, and as many again. Logins do not count. */
export const TOKENS_MAX = 20_000;
/** How many logins one token may have. */
const LOGINS_MAX = 20;
/** How many logins give way to a new one at most, where an earlier release let too many come to be. */
const GIVE_WAY_MAX = 10;

export const newTokenId = customAlphabet('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 12);

/** Makes and revokes tokens. They are entries of the store, so that every coordinator knows them as soon as it is told. */
export class Tokens {
  readonly #executor: Executor;
  readonly #start: string;

  /** @param digest of the token that the coordinator was started with */
  constructor(executor: Executor, digest: string) {
    this.#executor = executor;
    this.#start = startParent(digest);
  }

  /**
   * @returns the token with its secret, which is kept nowhere
   * @throws PortolanError `too-many`
   */
  create(request: TokenRequest, createdBy: string): Promise<TokenMade> {
    const { entry, made } = drawn(request, createdBy);
    return this.#executor.execute(() => {
      const { fleet } = this.#executor;
      if (fleet.count('token') - fleet.loginCount >= TOKENS_MAX) throw tooMany();
      return { alternatives: [alternative(entry)], answer: () => made };
    });
  }

  /**
   * Makes a login: a token that is accepted as long as the one it was made with. Of more than 20 the oldest gives way, so
   * that logins which nobody uses any more keep nobody out.
   *
   * @throws PortolanError `unauthorized` when the token that it is made with is gone
   */
  logIn(maker: Principal, request: TokenRequest): Promise<TokenMade> {
    const parent = maker.id === BOOTSTRAP.id ? this.#start : maker.id;
    const { entry, made } = drawn(request, maker.name, parent);
    return this.#executor.execute(() => {
      const { fleet } = this.#executor;
      const leaving = oldest(fleet.logins(parent), LOGINS_MAX - 1).slice(0, GIVE_WAY_MAX);
      const only = alternative({
        conditions: [...entry.conditions, ...this.#stands(parent, fleet)],
        puts: entry.puts,
        deletes: leaving.map((each) => each.key),
        leases: [...entry.leases, ...leaving.map((each) => ({ id: each.key, ttl: null }))],
      });
      return { alternatives: [only], answer: () => made };
    });
  }

  /**
   * Deletes one entry. What was made with it is accepted no more from then on, and swept later (`LoginsDuty`).
   *
   * @throws PortolanError `not-found`
   */
  revoke(id: string): Promise<{ token: TokenView; position: Position }> {
    return this.#executor.execute(() => {
      const held = this.#executor.fleet.get('token', key.token(id));
      if (!held)
        throw new PortolanError('not-found', `there is no token with the id ${id}: it was revoked, or it expired`);
      const only = alternative({
        conditions: [{ key: held.key, version: held.version }],
        deletes: [held.key],
        leases: [{ id: held.key, ttl: null }],
      });
      return { alternatives: [only], answer: ({ position }) => ({ token: viewOf(held.value), position }) };
    });
  }

  /** What holds only if the parent of a login is still there. */
  #stands(parent: string, fleet: Fleet) {
    if (parent === this.#start) return [];
    const held = fleet.get('token', key.token(parent));
    if (held) return [{ key: held.key, version: held.version }];
    throw new PortolanError('unauthorized', 'the token that this link was made with was revoked, or it expired');
  }
}

/** All but the newest of some logins, the oldest first. */
function oldest(logins: ReadonlySet<Held<'token'>>, keep: number): Held<'token'>[] {
  if (logins.size <= keep) return [];
  const sorted = [...logins].sort((a, b) => (a.value.createdAt < b.value.createdAt ? -1 : 1));
  return sorted.slice(0, logins.size - keep);
}

/** SHA-256, 43 characters of base64url. */
export function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

export function viewOf({ digest: _digest, parent: _parent, ...view }: StoredToken): TokenView {
  return view;
}

function drawn({ ttl, ...rest }: TokenRequest, createdBy: string, parent?: string) {
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
  const entryKey = key.token(id);
  const entry = {
    conditions: [{ key: entryKey, version: null }],
    puts: [put<'token'>(entryKey, { ...view, digest: digestOf(token), ...(parent !== undefined && { parent }) })],
    // Named as its entry, so that it goes when its time is over; until then the gate looks at the time itself.
    leases: ttl === undefined ? [] : [{ id: entryKey, ttl: ttl * 1000 }],
  };
  return { entry, made: { ...view, token } };
}

function tooMany(): PortolanError {
  return new PortolanError(
    'too-many',
    `there are ${TOKENS_MAX} tokens already; revoke those that nobody uses ("portolan token list")`,
  );
}
