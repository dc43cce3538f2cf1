import { type KeyReport as ClusterReport, createGossipKey, type Gossip } from '@portolan/gossip';
import { type KeyAction, type KeyReport, key, PortolanError } from '@portolan/model';
import { alternative, put } from '../commands/entries.ts';
import type { Executor } from '../executor.ts';
import type { FleetGossip } from './fleet-gossip.ts';

/** Keys that a fleet may have at once. */
const KEYS_MAX = 8;

/**
 * The keys that a fleet's gossip is encrypted with. The store has them for whoever starts; a change goes to all members
 * first, so that nobody is locked out by it.
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
    return this.#told(await this.#members().keys.list());
  }

  /**
   * Changes the keys of all members, then those of the store.
   *
   * @throws PortolanError `not-found` for a key that there is none of, `invalid-request` for what would lock members out,
   * `contention` when not all members did it: nothing is changed in the store then
   */
  async change(action: KeyAction, wanted: string | undefined): Promise<KeyReport> {
    const chosen = await this.#check(action, wanted);
    const { keys } = this.#members();
    const report = await keys[action](chosen);
    if (!report.complete) throw incomplete(action, report);
    await this.#executor.execute<readonly string[]>(() => {
      const held = this.#executor.fleet.get('keyring', key.keyring());
      const rest = (held?.value.keys ?? []).filter((each) => each !== chosen);
      const after = { install: [...rest, chosen], use: [chosen, ...rest], remove: rest }[action];
      return this.#write(after, held?.version ?? null);
    });
    return this.report();
  }

  async #check(action: KeyAction, wanted: string | undefined): Promise<string> {
    const { keys } = this;
    if (wanted === undefined && action !== 'install') throw new PortolanError('invalid-request', 'name the key');
    const chosen = wanted ?? createGossipKey();
    if (action === 'install') {
      if (keys.length < KEYS_MAX || keys.includes(chosen)) return chosen;
      throw new PortolanError('invalid-request', `there are ${KEYS_MAX} keys already: remove one that nobody uses`);
    }
    if (!keys.includes(chosen) && !(action === 'remove' && (await this.#isHeld(chosen)))) {
      throw new PortolanError('not-found', 'there is no such key: install it first; "portolan keys list" shows all');
    }
    if (action === 'remove' && keys[0] === chosen) {
      throw new PortolanError('invalid-request', 'members encrypt with this key: let them use another one first');
    }
    return chosen;
  }

  /** Members may have one that the store has not, when not all of them answered as it was installed. */
  async #isHeld(wanted: string): Promise<boolean> {
    return wanted in (await this.#members().keys.list()).keys;
  }

  #write(keys: readonly string[], version: string | null) {
    const value = { keys: [...keys], changedAt: new Date().toISOString() };
    const only = alternative({
      conditions: [{ key: key.keyring(), version }],
      puts: [put<'keyring'>(key.keyring(), value)],
    });
    return { alternatives: [only], answer: () => keys };
  }

  #members(): Gossip {
    const gossip = this.#gossip.cluster?.gossip;
    if (gossip) return gossip;
    throw new PortolanError('not-found', 'this coordinator takes no part in gossip; ask another one');
  }

  #told({ keys: known, members, answered, failures }: ClusterReport): KeyReport {
    const { keys } = this;
    const all = [...keys, ...Object.keys(known).filter((each) => !keys.includes(each))];
    return {
      keys: all.map((each) => ({ key: each, primary: each === keys[0], members: known[each] ?? 0 })),
      members,
      answered,
      identity: this.#executor.fleet.get('identity', key.identity())?.value.publicKey ?? null,
      failures,
    };
  }
}

function incomplete(action: KeyAction, { members, answered, failures }: ClusterReport): PortolanError {
  const told = Object.entries(failures).map(([member, reason]) => `${member}: ${reason}`);
  const silent = members > answered ? [`${members - answered} of ${members} did not answer`] : [];
  return new PortolanError(
    'contention',
    `not all members did it (${[...silent, ...told].join('; ')}), so the fleet's keys are as they were: ` +
      `look at "portolan members", then ask for "${action}" again`,
    { members, answered, failures },
  );
}
