import { createHash } from 'node:crypto';

/** Lanes of 16 bits; with so many it takes about 2^200 steps to find two sets with one hash. */
const LANES = 1_024;

/**
 * A hash of a set that costs what changes: a member is added or taken away without looking at the others. Unlike an
 * exclusive or of their hashes, nobody can make other members that come to the same sum.
 *
 * @see LtHash: Lewi, Kim, Maykov, Weis: Securing Update Propagation with Homomorphic Hashing (2019), section 4
 */
export class SetHash {
  readonly #lanes: Uint16Array;

  constructor(lanes = new Uint16Array(LANES)) {
    this.#lanes = lanes;
  }

  add(member: string): void {
    const lanes = this.#lanes;
    const more = lanesOf(member);
    for (let i = 0; i < LANES; i++) lanes[i]! += more[i]!;
  }

  remove(member: string): void {
    const lanes = this.#lanes;
    const less = lanesOf(member);
    for (let i = 0; i < LANES; i++) lanes[i]! -= less[i]!;
  }

  copy(): SetHash {
    return new SetHash(this.#lanes.slice());
  }

  /** 32 hexadecimal digits. */
  get digest(): string {
    return createHash('sha256').update(bytesOf(this.#lanes)).digest('hex').slice(0, 32);
  }
}

function lanesOf(member: string): Uint16Array {
  const hashed = createHash('shake128', { outputLength: 2 * LANES })
    .update(member)
    .digest();
  if (!isLittleEndian) hashed.swap16();
  return new Uint16Array(hashed.buffer, hashed.byteOffset, LANES);
}

function bytesOf(lanes: Uint16Array): Uint8Array {
  const bytes = Buffer.from(lanes.slice().buffer);
  return isLittleEndian ? bytes : bytes.swap16();
}

/** Members of all machines have to come to one digest. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
