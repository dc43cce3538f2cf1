import type { Timer } from '../world.ts';
import type { Local } from './local.ts';
import type { Member } from './member.ts';
import type { Outbox } from './outbox.ts';
import { drawMembers } from './random.ts';
import { repeat } from './repetition.ts';

/** Tells a few random members what waits to be told, at each interval. */
export class Gossiper {
  readonly #local: Local;
  readonly #outbox: Outbox;
  #timer: Timer | undefined;

  constructor(local: Local, outbox: Outbox) {
    this.#local = local;
    this.#outbox = outbox;
  }

  start(): void {
    const { profile, world } = this.#local;
    const { gossipInterval } = profile;
    if (gossipInterval === 0) return;
    this.#timer = repeat(
      world.clock,
      world.random() * gossipInterval,
      () => gossipInterval,
      () => this.#turn(),
    );
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #turn(): void {
    if (!this.#outbox.waiting) return;
    const { members, profile, world } = this.#local;
    for (const member of drawMembers(members, profile.gossipNodes, world.random, (one) => this.#listens(one))) {
      this.#outbox.gossip(member);
    }
  }

  /** The dead are told for a while, so that one who is not hears of it and can refute. */
  #listens({ name, state, since }: Member): boolean {
    const { profile, world, name: self } = this.#local;
    if (name === self || state === 'left') return false;
    return state !== 'dead' || world.clock.now() - since <= profile.gossipToTheDead;
  }
}
