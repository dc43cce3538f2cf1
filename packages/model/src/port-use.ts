import { HIGHEST_PORT, type Interval } from './port.ts';
import { PortSet } from './port-set.ts';
import { SYSTEM_BLOCK } from './range.ts';

/**
 * Which port numbers are in use or not to be had for any reason, on any protocol, with a count of the reasons: so
 * that a number is free again when the last reason goes, and choosing a port never walks the fleet.
 */
export class PortUse {
  /** Ports with at least one reason. */
  readonly taken = new PortSet();
  readonly #reasons = new Uint32Array(HIGHEST_PORT + 1);

  constructor() {
    this.addInterval(SYSTEM_BLOCK);
  }

  /** How many keep the port from being given: an assignment, a listener, a block, … */
  reasonsAgainst(port: number): number {
    return this.#reasons[port]!;
  }

  add(port: number): void {
    if (this.#reasons[port]!++ === 0) this.taken.add(port);
  }

  remove(port: number): void {
    if (--this.#reasons[port]! === 0) this.taken.delete(port);
  }

  addInterval({ from, to }: Interval): void {
    for (let port = from; port <= to; port++) this.add(port);
  }

  removeInterval({ from, to }: Interval): void {
    for (let port = from; port <= to; port++) this.remove(port);
  }
}
