import type { Address } from '../transport.ts';
import type { Clock, World } from '../world.ts';
import { Network } from './network.ts';
import { Schedule } from './schedule.ts';
import { seededRandom } from './seeded-random.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** Of a packet, one way, ms: the least, and what is added at random at most. @default 0.25 to 0.75 ms */
  readonly latency?: { readonly least: number; readonly spread: number };
}

/** Longest time between two looks at a condition, ms. */
const LOOK = 10;

/** One process in which many nodes live in virtual time. The same seed gives the same history. */
export class Simulation {
  readonly network: Network;
  readonly random: () => number;
  readonly #schedule = new Schedule();
  /** Until when a host's process stands still, ms. */
  readonly #stalls = new Map<string, number>();

  constructor({ seed, latency: { least, spread } = { least: 0.25, spread: 0.5 } }: SimulationOptions) {
    this.random = seededRandom(seed);
    const random = seededRandom(this.#seed());
    this.network = new Network({ schedule: this.#schedule, random, latency: () => least + random() * spread });
  }

  /** ms */
  get now(): number {
    return this.#schedule.now();
  }

  /** What a node at that address has of the outside. */
  createWorld(address: Address): World {
    return {
      transport: this.network.attach(address),
      clock: this.#createClock(address.host),
      random: seededRandom(this.#seed()),
    };
  }

  /** Lets a host's process stand still: its timers wake up late, and before it reads what has arrived. */
  stall(host: string, duration: number): void {
    this.#stalls.set(host, this.now + duration);
    this.network.freeze(host);
    // Asked for after all timers that will wait for that moment, or they would find what has arrived.
    this.#schedule.after(duration, () => this.#schedule.after(0, () => this.network.thaw(host)));
  }

  async run(duration: number): Promise<void> {
    const end = this.now + duration;
    while (this.#schedule.step(end)) {
      if (this.network.takeResolved()) await settled();
    }
  }

  /**
   * Lets time pass until a condition holds.
   *
   * @returns how long it took, ms
   * @throws Error when it does not hold within `limit` ms
   */
  async until(condition: () => boolean, limit = 600_000): Promise<number> {
    const start = this.now;
    while (!condition()) {
      if (this.now - start >= limit) throw new Error(`it does not hold after ${limit} ms: ${condition}`);
      await this.run(LOOK);
    }
    return this.now - start;
  }

  #createClock(host: string): Clock {
    const schedule = this.#schedule;
    return {
      now: () => schedule.now(),
      after: (delay, call) => {
        let timer = schedule.after(delay, () => {
          const late = (this.#stalls.get(host) ?? 0) - schedule.now();
          if (late > 0) timer = schedule.after(late, call);
          else call();
        });
        return { cancel: () => timer.cancel() };
      },
    };
  }

  #seed(): number {
    return Math.floor(this.random() * Number.MAX_SAFE_INTEGER);
  }
}

/** When all that waited for settled promises has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
