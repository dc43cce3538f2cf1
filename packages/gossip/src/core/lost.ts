import type { Address } from '../transport.ts';
import type { Timer } from '../world.ts';
import type { MemberEvent } from './delegate.ts';
import type { Local } from './local.ts';
import type { PushPull } from './push-pull.ts';
import { below } from './random.ts';
import { repeat } from './repetition.ts';

/** Lost members that are remembered at once. */
const LIMIT = 1_024;

interface Loss {
  readonly name: string;
  readonly address: Address;
  /** ms */
  readonly since: number;
}

/**
 * Members that failed, and long may have been forgotten: they are tried again now and then, so that two sides of a
 * partition find each other however long it was.
 */
export class Lost {
  readonly #local: Local;
  readonly #pushPull: PushPull;
  /** Oldest first. */
  readonly #losses = new Map<string, Loss>();
  #timer: Timer | undefined;

  constructor(local: Local, pushPull: PushPull) {
    this.#local = local;
    this.#pushPull = pushPull;
  }

  get names(): string[] {
    return [...this.#losses.keys()];
  }

  start(): void {
    const { profile, world } = this.#local;
    const { reconnectInterval } = profile;
    if (reconnectInterval === 0) return;
    this.#timer = repeat(
      world.clock,
      world.random() * reconnectInterval,
      () => reconnectInterval,
      () => this.#turn(),
    );
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Nobody need look for it any more. */
  giveUp(name: string): void {
    this.#losses.delete(name);
  }

  note({ type, member: { name, address, state, since } }: MemberEvent): void {
    if (type === 'forget') return;
    this.#losses.delete(name);
    if (type !== 'leave' || state !== 'dead') return;
    this.#losses.set(name, { name, address, since });
    if (this.#losses.size > LIMIT) this.#losses.delete(this.#losses.keys().next().value!);
  }

  /** All members together try about as often as there are lost ones, however many they are. */
  #turn(): void {
    const { world, members, profile, log } = this.#local;
    for (const { name, since } of this.#losses.values()) {
      if (world.clock.now() - since > profile.reconnectTimeout) this.#losses.delete(name);
    }
    const losses = [...this.#losses.values()];
    if (losses.length === 0 || world.random() >= losses.length / Math.max(1, members.up)) return;
    const { name, address } = losses[below(losses.length, world.random)]!;
    this.#pushPull
      .exchange(address, true)
      .catch((error: Error) => log('info', `${name} is still lost: ${error.message}`));
  }
}
