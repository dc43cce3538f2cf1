import { createHash } from 'node:crypto';

/** Which state of a sheet is meant: its owner counts up `version`, and two of one version differ in their digests. */
export interface SheetVersion {
  readonly owner: string;
  /** A whole number from 1; higher with each change. */
  readonly version: number;
  /** Of all records, 16 hexadecimal digits. */
  readonly digest: string;
}

/** From one version of a sheet to a later one. */
export interface SheetDelta extends SheetVersion {
  /** The version that it changes; 0: none. */
  readonly from: number;
  readonly puts: ReadonlyMap<string, string>;
  readonly deletes: readonly string[];
}

/**
 * A set of records, each a key and a text, that one owner writes and all members have a copy of. Its digest does not
 * depend on their order, so that a change costs what it touches.
 */
export class Sheet implements SheetVersion {
  readonly owner: string;
  readonly #records: Map<string, string>;
  #version: number;
  #digest: bigint;

  constructor(owner: string, version = 0, records: ReadonlyMap<string, string> = new Map()) {
    this.owner = owner;
    this.#version = version;
    this.#records = new Map(records);
    this.#digest = 0n;
    for (const [key, value] of records) this.#digest ^= hash(key, value);
  }

  get version(): number {
    return this.#version;
  }

  get digest(): string {
    return hexadecimal(this.#digest);
  }

  get size(): number {
    return this.#records.size;
  }

  get records(): ReadonlyMap<string, string> {
    return this.#records;
  }

  /** What leads from these records to others; `null` when they are the same. */
  difference(records: ReadonlyMap<string, string>): Pick<SheetDelta, 'puts' | 'deletes'> | null {
    const puts = new Map<string, string>();
    for (const [key, value] of records) if (this.#records.get(key) !== value) puts.set(key, value);
    const deletes = Array.from(this.#records.keys()).filter((key) => !records.has(key));
    return puts.size === 0 && deletes.length === 0 ? null : { puts, deletes };
  }

  /** The digest that a change would lead to. */
  digestAfter({ puts, deletes }: Pick<SheetDelta, 'puts' | 'deletes'>): string {
    return hexadecimal(this.#after(puts, deletes));
  }

  /** Takes a change of its owner in. @returns whether it led to the digest that it names; if not, nothing is done */
  apply({ version, digest, puts, deletes }: Omit<SheetDelta, 'owner' | 'from'>): boolean {
    const after = this.#after(puts, deletes);
    if (hexadecimal(after) !== digest) return false;
    for (const key of deletes) this.#records.delete(key);
    for (const [key, value] of puts) this.#records.set(key, value);
    this.#digest = after;
    this.#version = version;
    return true;
  }

  #after(puts: ReadonlyMap<string, string>, deletes: readonly string[]): bigint {
    let digest = this.#digest;
    const gone = new Set(deletes);
    for (const key of gone) {
      const before = this.#records.get(key);
      if (before !== undefined) digest ^= hash(key, before);
    }
    for (const [key, value] of puts) {
      const before = gone.has(key) ? undefined : this.#records.get(key);
      if (before !== undefined) digest ^= hash(key, before);
      digest ^= hash(key, value);
    }
    return digest;
  }
}

function hash(key: string, value: string): bigint {
  return createHash('sha256').update(`${key}\0${value}`).digest().readBigUInt64BE();
}

function hexadecimal(digest: bigint): string {
  return digest.toString(16).padStart(16, '0');
}
