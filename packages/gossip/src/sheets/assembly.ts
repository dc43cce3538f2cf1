import type { Part } from './frame.ts';

/** Sheets that may be under way at once. */
const UNDER_WAY_MAX = 64;

interface Unfinished {
  readonly version: number;
  readonly digest: string;
  readonly parts: Map<number, ReadonlyMap<string, string>>;
  records: number;
}

/** Puts whole sheets together from their parts, which may come in any order. */
export class Assembly {
  /** The one that a part came for last is the last. */
  readonly #unfinished = new Map<string, Unfinished>();

  /** @param limit records that a sheet may have @returns all records with the last part, else `null` */
  add({ owner, version, digest, index, total, puts }: Part, limit: number): ReadonlyMap<string, string> | null {
    if (total < 1 || total > limit || index >= total) return null;
    if (total === 1) return puts;
    let sheet = this.#unfinished.get(owner);
    if (!sheet || sheet.version !== version || sheet.digest !== digest) {
      sheet = { version, digest, parts: new Map(), records: 0 };
    }
    this.#unfinished.delete(owner);
    if (!sheet.parts.has(index)) sheet.records += puts.size;
    if (sheet.records > limit) return null;
    sheet.parts.set(index, puts);
    if (sheet.parts.size === total) return new Map(Array.from(sheet.parts.values()).flatMap((part) => [...part]));
    this.#unfinished.set(owner, sheet);
    if (this.#unfinished.size > UNDER_WAY_MAX) this.#unfinished.delete(this.#unfinished.keys().next().value!);
    return null;
  }
}
