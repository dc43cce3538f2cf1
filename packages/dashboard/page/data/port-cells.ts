import {
  type Assignment,
  type Block,
  type Finding,
  HIGHEST_PORT,
  type Interval,
  type Range,
  SYSTEM_BLOCK,
} from '@portolan/model';

/** What is true of a port, as bits of one byte. */
export const cell = {
  assigned: 1,
  leased: 2,
  observed: 4,
  blocked: 8,
  /** A finding about it stands. */
  wrong: 16,
  resting: 32,
  ranged: 64,
} as const;

/**
 * What is true of each port, one byte a port, kept up by changes: each costs what it touches. A thing that several
 * entries make true is counted, so that it ends with the last of them.
 */
export class PortCells {
  readonly bytes = new Uint8Array(HIGHEST_PORT + 1);
  readonly #counts: Record<keyof typeof cell, Uint32Array>;

  constructor() {
    const names = Object.keys(cell) as (keyof typeof cell)[];
    this.#counts = Object.fromEntries(names.map((name) => [name, new Uint32Array(HIGHEST_PORT + 1)])) as Record<
      keyof typeof cell,
      Uint32Array
    >;
    this.#countAll('blocked', SYSTEM_BLOCK, 1);
  }

  assignment({ port, lease }: Assignment, by: 1 | -1): void {
    this.count('assigned', port, by);
    if (lease) this.count('leased', port, by);
  }

  finding({ port, state }: Finding, by: 1 | -1): void {
    if (port !== null && state !== 'resolved') this.count('wrong', port, by);
  }

  range(range: Range, by: 1 | -1): void {
    this.#countAll(range.policy === 'blocked' ? 'blocked' : 'ranged', range, by);
  }

  block(block: Block, by: 1 | -1): void {
    this.#countAll('blocked', block, by);
  }

  count(what: keyof typeof cell, port: number, by: number): void {
    const counts = this.#counts[what];
    const now = counts[port]! + by;
    counts[port] = now;
    if (now > 0) this.bytes[port]! |= cell[what];
    else this.bytes[port]! &= ~cell[what];
  }

  #countAll(what: keyof typeof cell, { from, to }: Interval, by: 1 | -1): void {
    for (let port = from; port <= to; port++) this.count(what, port, by);
  }
}

/** The one thing that a port is shown as, the most pressing first. */
export const portStates = [
  'wrong',
  'bound',
  'leased',
  'promised',
  'observed',
  'resting',
  'blocked',
  'range',
  'free',
] as const;
export type PortState = (typeof portStates)[number];

export function stateOf(byte: number): PortState {
  if (byte & cell.wrong) return 'wrong';
  if (byte & cell.assigned) return byte & cell.observed ? 'bound' : byte & cell.leased ? 'leased' : 'promised';
  if (byte & cell.observed) return 'observed';
  if (byte & cell.resting) return 'resting';
  if (byte & cell.blocked) return 'blocked';
  return byte & cell.ranged ? 'range' : 'free';
}
