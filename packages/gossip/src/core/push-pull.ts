import type { Address } from '../transport.ts';
import type { PushPull as State } from '../wire/message.ts';
import type { Timer } from '../world.ts';
import { GossipError } from './error.ts';
import type { Exchanges } from './exchanges.ts';
import type { Local } from './local.ts';
import type { Membership } from './membership.ts';
import { drawMembers } from './random.ts';
import { repeat } from './repetition.ts';
import { pushPullInterval } from './scaling.ts';
import { checkVersions } from './versions.ts';

/** Two nodes give each other all they know: what gossip has missed, and how a node joins. */
export class PushPull {
  readonly #local: Local;
  readonly #exchanges: Exchanges;
  readonly #membership: Membership;
  #timer: Timer | undefined;

  constructor(local: Local, exchanges: Exchanges, membership: Membership) {
    this.#local = local;
    this.#exchanges = exchanges;
    this.#membership = membership;
  }

  start(): void {
    const { profile, world, members } = this.#local;
    const interval = profile.pushPullInterval;
    if (interval === 0) return;
    this.#timer = repeat(
      world.clock,
      world.random() * interval,
      () => pushPullInterval(interval, members.size),
      () => this.now(),
    );
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Exchanges states with a random member. A failure is left to the failure detector. */
  now(): void {
    const { members, name, world, log } = this.#local;
    const [partner] = drawMembers(members, 1, world.random, (one) => one.state === 'alive' && one.name !== name);
    if (!partner) return;
    this.exchange(partner.address, false).catch((error: Error) =>
      log('warn', `could not exchange states with ${partner.name}: ${error.message}`),
    );
  }

  /** @throws Error when it cannot be reached, answers something else, or one of the two refuses the other */
  async exchange(to: Address, join: boolean): Promise<void> {
    const answer = await this.#exchanges.ask(to, this.state(join), this.#local.profile.streamTimeout);
    if (answer.type !== 'pushPull') {
      throw new GossipError('wrong-answer', `it answered a push/pull with another message (${answer.type})`);
    }
    // What the other says of the exchange is about its own request; it is this side that joins.
    this.merge({ ...answer, join });
  }

  /** All that this node knows. */
  state(join: boolean): State {
    const { members, delegate } = this.#local;
    return { type: 'pushPull', join, nodes: [...members], userState: delegate.state(join) };
  }

  /** @throws GossipError when the two sides cannot be, or must not be, one cluster; then nothing was taken in */
  merge({ nodes, userState, join }: State): void {
    const { members, delegate } = this.#local;
    checkVersions(members, nodes);
    const refusal = join ? delegate.refuseMerge(nodes) : null;
    if (refusal !== null) throw new GossipError('merge-refused', `the merge was refused: ${refusal}`);
    this.#membership.merge(nodes);
    if (userState.length > 0) delegate.mergeState(userState, join);
  }
}
