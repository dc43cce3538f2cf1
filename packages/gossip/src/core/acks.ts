import { below } from './random.ts';

export interface Awaited {
  ack(payload: Uint8Array | null): void;
  nack?(): void;
}

/** The pings whose answers are awaited, by sequence number. */
export class Acks {
  readonly #awaited = new Map<number, Awaited>();
  #seqNo: number;

  /** The first number is a random one, so that it cannot be guessed by who does not see the pings. */
  constructor(random: () => number) {
    this.#seqNo = below(2 ** 32, random);
  }

  get size(): number {
    return this.#awaited.size;
  }

  /** @returns the sequence number to ping with */
  expect(awaited: Awaited): number {
    this.#seqNo = (this.#seqNo + 1) >>> 0;
    this.#awaited.set(this.#seqNo, awaited);
    return this.#seqNo;
  }

  forget(seqNo: number): void {
    this.#awaited.delete(seqNo);
  }

  /** An ack is taken once. */
  ack(seqNo: number, payload: Uint8Array | null): void {
    const awaited = this.#awaited.get(seqNo);
    this.#awaited.delete(seqNo);
    awaited?.ack(payload);
  }

  /** Only says that a relay is well: the ack may still come. */
  nack(seqNo: number): void {
    this.#awaited.get(seqNo)?.nack?.();
  }
}
