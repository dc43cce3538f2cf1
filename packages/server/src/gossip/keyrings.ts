import { createGossipKey, digestOfKey, type Gossip, type KeyAccount, nudge } from '@portolan/gossip';
import { type KeyAction, type KeyReport, key, PortolanError } from '@portolan/model';
import { alternative, put } from '../commands/entries.ts';
import type { Executor } from '../executor.ts';
import type { FleetGossip } from './fleet-gossip.ts';

/** What the members say of their keys, by their names. */
type Accounts = ReadonlyMap<string, KeyAccount | undefined>;

/** Keys that a fleet may have at once. */
const KEYS_MAX = 8;

/** Members that a message names. */
const NAMED_MAX = 10;

/**
 * The keys that a fleet's gossip is encrypted with. They are in the store, and no gossip ever holds one: whoever has an old
 * key hears all that is said with it. Coordinators take them from the store, agents fetch them with their token; gossip
 * tells only that there are others.
 */
export class Keyrings {
  readonly #executor: Executor;
  readonly #gossip: FleetGossip;

  constructor(executor: Executor, gossip: FleetGossip) {
    this.#executor = executor;
    this.#gossip = gossip;
  }

  /** The keys of the store, the one that encrypts first; made when there are none yet. */
  ensure(): Promise<readonly string[]> {
    const fresh = createGossipKey();
    return this.#executor.execute<readonly string[]>(() => {
      const held = this.#executor.fleet.get('keyring', key.keyring());
      if (held) return { result: held.value.keys };
      return this.#write([fresh], null);
    });
  }

  get keys(): readonly string[] {
    return this.#executor.fleet.get('keyring', key.keyring())?.value.keys ?? [];
  }

  async report(): Promise<KeyReport> {
    return this.#told(await nudge(this.#gossipNow(), this.keys));
  }

  /**
   * Changes the keys of the store, and has all members get them.
   *
   * @param options with `force`, members are left outside that do not have the key which is to encrypt
   * @throws PortolanError `not-found` for a key that there is none of, `invalid-request` for one that cannot be changed so,
   * `members-missing` when members would be outside: nothing is changed then
   */
  async change(
    action: KeyAction,
    wanted: string | undefined,
    { force = false }: { readonly force?: boolean | undefined } = {},
  ): Promise<KeyReport> {
    const chosen = wanted ?? createGossipKey();
    if (wanted === undefined && action !== 'install') throw new PortolanError('invalid-request', 'name the key');
    const gossip = this.#gossipNow();
    await this.#executor.catchUp();
    const after = changed(this.keys, action, chosen);
    if (action !== 'install' && !force) this.#checkAll(action, after[0]!, await nudge(gossip, this.keys));
    await this.#executor.execute<readonly string[]>(() => {
      const held = this.#executor.fleet.get('keyring', key.keyring());
      return this.#write(changed(held?.value.keys ?? [], action, chosen), held?.version ?? null);
    });
    return this.report();
  }

  /** Before a key encrypts alone, or at all, every member has to have it; before another one goes, to encrypt with it. */
  #checkAll(action: 'use' | 'remove', needed: string, accounts: Accounts): void {
    const digest = digestOfKey(needed);
    const missing = [...accounts].filter(([, account]) => {
      const digests = account?.digests ?? [];
      return action === 'use' ? !digests.includes(digest) : digests[0] !== digest;
    });
    if (missing.length === 0) return;
    const failures = Object.fromEntries(missing.map(([name, account]) => [name, reasonOf(account)]));
    throw outside(action, { members: accounts.size, failures });
  }

  #write(keys: readonly string[], version: string | null) {
    const value = { keys: [...keys], changedAt: new Date().toISOString() };
    const only = alternative({
      conditions: [{ key: key.keyring(), version }],
      puts: [put<'keyring'>(key.keyring(), value)],
    });
    return { alternatives: [only], answer: () => keys };
  }

  #gossipNow(): Gossip {
    const gossip = this.#gossip.cluster?.gossip;
    if (gossip) return gossip;
    throw new PortolanError('not-found', 'this coordinator takes no part in gossip; ask another one');
  }

  #told(accounts: Accounts): KeyReport {
    const { keys } = this;
    const digests = keys.map(digestOfKey);
    const have = (digest: string) => [...accounts.values()].filter((each) => each?.digests.includes(digest)).length;
    const failing = [...accounts].filter(([, account]) => account?.digests.join() !== digests.join());
    return {
      keys: keys.map((each, i) => ({ key: each, primary: i === 0, members: have(digests[i]!) })),
      members: accounts.size,
      answered: [...accounts.values()].filter(Boolean).length,
      identity: this.#executor.fleet.get('identity', key.identity())?.value.publicKey ?? null,
      failures: Object.fromEntries(failing.map(([name, account]) => [name, reasonOf(account)])),
    };
  }
}

/** @throws PortolanError `not-found`, `invalid-request` */
function changed(keys: readonly string[], action: KeyAction, chosen: string): readonly string[] {
  const rest = keys.filter((each) => each !== chosen);
  if (action === 'install') {
    if (keys.includes(chosen)) return keys;
    if (keys.length < KEYS_MAX) return [...keys, chosen];
    throw new PortolanError('invalid-request', `there are ${KEYS_MAX} keys already: remove one that nobody uses`);
  }
  if (!keys.includes(chosen)) {
    throw new PortolanError('not-found', 'there is no such key: install it first; "portolan keys list" shows all');
  }
  if (action === 'use') return [chosen, ...rest];
  if (keys[0] !== chosen) return rest;
  throw new PortolanError('invalid-request', 'members encrypt with this key: let them use another one first');
}

function reasonOf(account: KeyAccount | undefined): string {
  if (!account) return 'it did not answer';
  return account.trouble || 'it has other keys than the store';
}

function outside(action: KeyAction, { members, failures }: Pick<KeyReport, 'members' | 'failures'>): PortolanError {
  const names = Object.keys(failures);
  const named = (tell: (name: string) => string, separator: string) =>
    names.slice(0, NAMED_MAX).map(tell).join(separator) +
    (names.length > NAMED_MAX ? `${separator}and ${names.length - NAMED_MAX} more` : '');
  const why = named((name) => `${name}: ${failures[name]}`, '; ');
  return new PortolanError(
    'members-missing',
    `${names.length} of ${members} members do not have the key (${why}), so nothing was changed: ask again when they do. ` +
      `With --force it is done, and these members will be outside until they ask a coordinator: ${named((name) => name, ', ')}`,
    { action, members, failures },
  );
}
