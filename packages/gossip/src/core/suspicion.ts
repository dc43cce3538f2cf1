import type { Clock, Timer } from '../world.ts';
import { setAlarm } from './alarm.ts';

export interface SuspicionOptions {
  readonly clock: Clock;
  /** Accusers wanted besides the first one. */
  readonly k: number;
  /** Shortest and longest wait, ms. */
  readonly min: number;
  readonly max: number;
  /** The first accuser, who never counts as a confirmation. */
  readonly from: string;
  /** Told once, when the time is over. */
  readonly expired: (confirmations: number) => void;
}

/** The time that a suspect has to defend itself; each further accuser makes it shorter. */
export class Suspicion {
  readonly #options: SuspicionOptions;
  readonly #accusers: Set<string>;
  readonly #start: number;
  #timer: Timer;

  constructor(options: SuspicionOptions) {
    this.#options = options;
    this.#accusers = new Set([options.from]);
    this.#start = options.clock.now();
    this.#timer = this.#arm();
  }

  /** @returns true when this accuser is a new one and was still wanted: then others should hear of it, too */
  confirm(from: string): boolean {
    if (this.#confirmations >= this.#options.k || this.#accusers.has(from)) return false;
    this.#accusers.add(from);
    this.#timer.cancel();
    this.#timer = this.#arm();
    return true;
  }

  cancel(): void {
    this.#timer.cancel();
  }

  get #confirmations(): number {
    return this.#accusers.size - 1;
  }

  #arm(): Timer {
    const { clock, k, min, max, expired } = this.#options;
    const elapsed = clock.now() - this.#start;
    const left = Math.max(0, suspicionTimeout(this.#confirmations, k, min, max) - elapsed);
    return setAlarm(clock, left, () => expired(this.#confirmations));
  }
}

/**
 * Time a suspicion may stand before the node is declared dead, from its start.
 *
 * @param confirmations independent accusers besides the first, 0..k
 * @param k accusers wanted; below 1 the answer is `min`
 * @param min shortest wait, ms   @param max longest wait, ms
 * @returns ms, in [min, max]
 * @see Lifeguard (Dadgar et al., 2017), section IV-B
 */
export function suspicionTimeout(confirmations: number, k: number, min: number, max: number): number {
  if (k < 1) return min;
  const share = Math.log(confirmations + 1) / Math.log(k + 1);
  return Math.max(min, Math.floor(max - (max - min) * share));
}
