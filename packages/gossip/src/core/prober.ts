import type { Timer } from '../world.ts';
import { isUp, type Member } from './member.ts';
import type { Membership } from './membership.ts';
import { Probe, type ProbeParts } from './probe.ts';
import { ProbeOrder } from './probe-order.ts';

/** Probes one member after the other, each once in a round, in an order that is another one each round. */
export class Prober {
  readonly #parts: ProbeParts;
  readonly #membership: Membership;
  readonly #order: ProbeOrder;
  #timer: Timer | undefined;
  #probe: Probe | undefined;

  constructor(parts: ProbeParts, membership: Membership) {
    this.#parts = parts;
    this.#membership = membership;
    this.#order = new ProbeOrder(parts.local.world.random);
  }

  start(): void {
    const { profile, world, members } = this.#parts.local;
    this.#order.restart(members.size);
    this.#timer = world.clock.after(world.random() * profile.probeInterval, () => this.#turn());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#probe?.cancel();
  }

  #turn(): void {
    const { local } = this.#parts;
    const { clock } = local.world;
    const next = clock.now() + local.profile.probeInterval;
    const rest = () => {
      this.#timer = clock.after(Math.max(0, next - clock.now()), () => this.#turn());
    };
    const target = this.#next();
    if (!target) {
      rest();
      return;
    }
    local.counters.probes++;
    this.#probe = new Probe(this.#parts, target, (verdict) => {
      if (verdict === 'failed') this.#accuse(target);
      rest();
    });
  }

  #accuse({ name, incarnation }: Member): void {
    const { local } = this.#parts;
    local.counters.probesFailed++;
    local.log('info', `${name} did not answer a probe`);
    this.#membership.suspect({ type: 'suspect', incarnation, node: name, from: local.name });
  }

  /** @returns null when there is nobody to probe */
  #next(): Member | null {
    const { members, name } = this.#parts.local;
    this.#order.grow(members.size);
    // The rest of a round, and another one.
    for (let looked = 0; looked <= 2 * members.size; looked++) {
      const position = this.#order.next();
      if (position === null) {
        this.#membership.forget();
        this.#order.restart(members.size);
        continue;
      }
      const member = members.at(position);
      if (member.name !== name && isUp(member)) return member;
    }
    return null;
  }
}
