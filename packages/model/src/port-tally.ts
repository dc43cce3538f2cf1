import type { Interval } from './port.ts';
import { PortSet } from './port-set.ts';

/** A bitmap takes 8 KiB: most projects hold fewer ports than would be worth that. */
const FEW = 64;

/** Some ports, counted by interval: at a cost that does not grow with how many they are. */
export class PortTally {
  #few: Set<number> | undefined = new Set();
  #many: PortSet | undefined;

  get size(): number {
    return this.#few?.size ?? this.#many!.size;
  }

  add(port: number): void {
    this.#few?.add(port);
    this.#many?.add(port);
    if (this.#few && this.#few.size > FEW) {
      this.#many = new PortSet(this.#few);
      this.#few = undefined;
    }
  }

  delete(port: number): void {
    this.#few?.delete(port);
    this.#many?.delete(port);
  }

  countIn({ from, to }: Interval): number {
    if (this.#many) return to - from + 1 - this.#many.countFree(from, to);
    let count = 0;
    for (const port of this.#few!) if (port >= from && port <= to) count++;
    return count;
  }
}
