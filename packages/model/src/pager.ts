export interface Paging {
  readonly limit: number;
  /** The cursor that the last page gave. */
  readonly after?: string | undefined;
}

/**
 * Picks the entries of one page out of any number that are offered in any order. It keeps two pages at most, and most of
 * what is offered costs one comparison.
 */
export class Pager<T> {
  readonly #limit: number;
  readonly #after: string | undefined;
  readonly #cursor: (item: T) => string;
  readonly #sign: 1 | -1;
  #kept: { readonly at: string; readonly item: T }[] = [];
  /** Beyond this nothing is of the page. */
  #end: string | undefined;

  /** @param cursor by which the list is ordered; each item has its own */
  constructor({ limit, after }: Paging, cursor: (item: T) => string, order: 'ascending' | 'descending' = 'ascending') {
    this.#limit = limit;
    this.#after = after;
    this.#cursor = cursor;
    this.#sign = order === 'ascending' ? 1 : -1;
  }

  /** Whether an item may be of the page, by its place alone; look at this before what costs more. */
  wants(item: T): boolean {
    const at = this.#cursor(item);
    if (this.#after !== undefined && !this.#isBefore(this.#after, at)) return false;
    return this.#end === undefined || this.#isBefore(at, this.#end);
  }

  offer(item: T): void {
    this.#kept.push({ at: this.#cursor(item), item });
    if (this.#kept.length >= 2 * (this.#limit + 1)) this.#cut();
  }

  /** @returns what was offered and is of the page, in order, with whether there is more after it */
  page(): { items: T[]; more: boolean } {
    this.#cut();
    const items = this.#kept.slice(0, this.#limit).map(({ item }) => item);
    return { items, more: this.#kept.length > this.#limit };
  }

  #cut(): void {
    const each = new Map(this.#kept.map((kept) => [kept.at, kept]));
    this.#kept = [...each.values()].sort((a, b) => (this.#isBefore(a.at, b.at) ? -1 : 1));
    this.#kept.length = Math.min(this.#kept.length, this.#limit + 1);
    // The one after the page is kept to tell that there is one; who comes before it takes its place.
    if (this.#kept.length > this.#limit) this.#end = this.#kept.at(-1)!.at;
  }

  #isBefore(a: string, b: string): boolean {
    return this.#sign === 1 ? a < b : a > b;
  }
}
