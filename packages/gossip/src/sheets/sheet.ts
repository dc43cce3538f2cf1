import { SetHash } from './set-hash.ts';

/** Which state of a sheet is meant: its owner counts up `version`, and two of one version differ in their digests. */
export interface SheetVersion {
  readonly owner: string;
  /** A whole number from 1; higher with each change, and never far ahead of the clock in ms since 1970. */
  readonly version: number;
  /** Of all records, 32 hexadecimal digits. */
  readonly digest: string;
}

/** With the signature of whoever writes the sheet. */
export interface SignedVersion extends SheetVersion {
  readonly signature: Uint8Array;
}

/** From one version of a sheet to a later one. */
export interface SheetDelta extends SignedVersion {
  /** The version that it changes; 0: none. */
  readonly from: number;
  readonly puts: ReadonlyMap<string, string>;
  readonly deletes: readonly string[];
}

/** How large a sheet is, or may be. */
export interface SheetSize {
  readonly records: number;
  /** Characters of all keys and texts. */
  readonly characters: number;
}

/**
 * A set of records, each a key and a text, that one owner writes and all members have a copy of. Its digest does not
 * depend on their order, so that a change costs what it touches.
 */
export class Sheet implements SignedVersion {
  readonly owner: string;
  readonly #records: Map<string, string>;
  #version: number;
  #hash: SetHash;
  #digest: string;
  #signature: Uint8Array;
  #characters = 0;

  /** @param signature of its writer, over the version; nobody looks at it here */
  constructor(
    owner: string,
    version = 0,
    records: ReadonlyMap<string, string> = new Map(),
    signature: Uint8Array = new Uint8Array(0),
  ) {
    this.owner = owner;
    this.#version = version;
    this.#records = new Map(records);
    this.#hash = new SetHash();
    this.#signature = copyOf(signature);
    for (const [key, value] of records) {
      this.#hash.add(memberOf(key, value));
      this.#characters += key.length + value.length;
    }
    this.#digest = this.#hash.digest;
  }

  get version(): number {
    return this.#version;
  }

  get digest(): string {
    return this.#digest;
  }

  get signature(): Uint8Array {
    return this.#signature;
  }

  get size(): SheetSize {
    return { records: this.#records.size, characters: this.#characters };
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

  /** The size that a change would lead to. */
  sizeAfter({ puts, deletes }: Pick<SheetDelta, 'puts' | 'deletes'>): SheetSize {
    let { records, characters } = this.size;
    const gone = new Set(deletes);
    for (const key of gone) {
      const before = this.#records.get(key);
      if (before === undefined) continue;
      records--;
      characters -= key.length + before.length;
    }
    for (const [key, value] of puts) {
      const before = gone.has(key) ? undefined : this.#records.get(key);
      if (before === undefined) records++;
      characters += value.length + (before === undefined ? key.length : -before.length);
    }
    return { records, characters };
  }

  /** Changes a sheet of one's own. @param sign what the new version is signed with */
  write(
    version: number,
    change: Pick<SheetDelta, 'puts' | 'deletes'>,
    sign: (version: SheetVersion) => Uint8Array,
  ): SheetDelta {
    const { owner, version: from } = this;
    const hash = this.#after(change);
    const { digest } = hash;
    const delta = { owner, version, from, digest, signature: sign({ owner, version, digest }), ...change };
    this.#settle(delta, hash);
    return delta;
  }

  /** Takes a change of its owner in. @returns whether it led to the digest that it names; if not, nothing is done */
  apply(delta: Omit<SheetDelta, 'owner' | 'from'>): boolean {
    const hash = this.#after(delta);
    if (hash.digest !== delta.digest) return false;
    this.#settle(delta, hash);
    return true;
  }

  #settle({ version, digest, signature, puts, deletes }: Omit<SheetDelta, 'owner' | 'from'>, hash: SetHash): void {
    this.#characters = this.sizeAfter({ puts, deletes }).characters;
    for (const key of deletes) this.#records.delete(key);
    for (const [key, value] of puts) this.#records.set(key, value);
    this.#hash = hash;
    this.#digest = digest;
    this.#version = version;
    this.#signature = copyOf(signature);
  }

  #after({ puts, deletes }: Pick<SheetDelta, 'puts' | 'deletes'>): SetHash {
    const hash = this.#hash.copy();
    const gone = new Set(deletes);
    for (const key of gone) {
      const before = this.#records.get(key);
      if (before !== undefined) hash.remove(memberOf(key, before));
    }
    for (const [key, value] of puts) {
      const before = gone.has(key) ? undefined : this.#records.get(key);
      if (before !== undefined) hash.remove(memberOf(key, before));
      hash.add(memberOf(key, value));
    }
    return hash;
  }
}

/** The length of the key first, so that no other key and value come to the same text. */
function memberOf(key: string, value: string): string {
  return `${key.length}\0${key}${value}`;
}

/** What was read from a frame would keep all of it in memory. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
