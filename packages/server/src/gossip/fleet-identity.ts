import { createSigningKey, readSigningKey, type SigningKey } from '@portolan/gossip';
import { type CoordinatorProof, key, PortolanError, type ProofRequest, proofStatement } from '@portolan/model';
import { alternative, put } from '../commands/entries.ts';
import type { Executor } from '../executor.ts';

/**
 * The key pair by which agents know the coordinators of their fleet. Every member of gossip has the key that encrypts it,
 * so what is said in the name of the registry is signed with this one. It is made at the first start.
 */
export class FleetIdentity {
  readonly #executor: Executor;
  #read: SigningKey | undefined;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** The pair of the store; made when there is none yet. */
  async ensure(): Promise<SigningKey> {
    const { publicKey, secret } = createSigningKey();
    await this.#executor.execute<void>(() => {
      if (this.#executor.fleet.has(key.identity())) return { result: undefined };
      const fresh = { publicKey, secret, createdAt: new Date().toISOString() };
      const only = alternative({
        conditions: [{ key: key.identity(), version: null }],
        puts: [put<'identity'>(key.identity(), fresh)],
      });
      return { alternatives: [only], answer: () => undefined };
    });
    return this.key;
  }

  /** @throws PortolanError `not-ready` before there is one */
  get key(): SigningKey {
    const { known } = this;
    if (known) return known;
    throw new PortolanError('not-ready', 'the fleet has no key yet; ask again in a moment');
  }

  get known(): SigningKey | undefined {
    const held = this.#executor.fleet.get('identity', key.identity())?.value;
    if (held?.publicKey !== this.#read?.publicKey) this.#read = held && readSigningKey(held);
    return this.#read;
  }

  /**
   * Shows that this is a coordinator of the fleet. The address that was dialled is part of what is signed: another one
   * that passes the question on gets no proof for its own address.
   *
   * @param own where others reach this coordinator
   * @throws PortolanError `not-found` for an address that is not this coordinator's
   */
  prove(request: ProofRequest, own: string): CoordinatorProof {
    if (URL.parse(own)?.origin !== URL.parse(request.origin)?.origin) {
      throw new PortolanError('not-found', `this coordinator is not the one at ${request.origin}`);
    }
    return { signature: Buffer.from(this.key.sign(proofStatement(request))).toString('base64url') };
  }
}
