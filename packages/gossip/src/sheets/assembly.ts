import type { Part } from './frame.ts';
import type { SheetSize } from './sheet.ts';

/** Sheets that may be under way at once, and characters of all of them together. */
const UNDER_WAY_MAX = 64;
const CHARACTERS_MAX = 64 * 1024 * 1024;

interface Unfinished {
  readonly version: number;
  readonly digest: string;
  readonly parts: Map<number, ReadonlyMap<string, string>>;
  records: number;
  characters: number;
}

/** Puts whole sheets together from their parts, which may come in any order. */
export class Assembly {
  /** The one that a part came for last is the last. */
  readonly #unfinished = new Map<string, Unfinished>();

  /** @param limit how large the sheet may be @returns all records with the last part; `null` until then */
  add(
    { owner, version, digest, index, total, puts }: Part,
    limit: SheetSize,
  ): ReadonlyMap<string, string> | null | 'too large' {
    if (total < 1 || index >= total) return null;
    if (total > limit.records) return 'too large';
    let sheet = this.#unfinished.get(owner);
    if (!sheet || sheet.version !== version || sheet.digest !== digest) {
      sheet = { version, digest, parts: new Map(), records: 0, characters: 0 };
    }
    this.#unfinished.delete(owner);
    if (!sheet.parts.has(index)) {
      sheet.records += puts.size;
      sheet.characters += charactersOf(puts);
    }
    if (sheet.records > limit.records || sheet.characters > limit.characters) return 'too large';
    sheet.parts.set(index, puts);
    if (sheet.parts.size === total) return new Map(Array.from(sheet.parts.values()).flatMap((part) => [...part]));
    this.#unfinished.set(owner, sheet);
    while (this.#unfinished.size > UNDER_WAY_MAX || this.#characters > CHARACTERS_MAX) {
      this.#unfinished.delete(this.#unfinished.keys().next().value!);
    }
    return null;
  }

  get #characters(): number {
    let sum = 0;
    for (const { characters } of this.#unfinished.values()) sum += characters;
    return sum;
  }

  drop(owner: string): void {
    this.#unfinished.delete(owner);
  }
}

export function charactersOf(records: ReadonlyMap<string, string>): number {
  let sum = 0;
  for (const [key, value] of records) sum += key.length + value.length;
  return sum;
}
