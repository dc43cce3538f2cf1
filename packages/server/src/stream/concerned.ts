import type { EntryKind, Held } from '@portolan/model';
import { type Interest, isOfHost } from './filter.ts';
import type { Group } from './history.ts';

/** The entries of some hosts as they were at one moment after another, and no others: a change of name concerns these. */
export class Concerned {
  readonly #topics: ReadonlySet<EntryKind>;
  readonly #hosts: ReadonlySet<string>;
  readonly #held = new Map<string, Held>();

  /**
   * Begins before the groups.
   *
   * @param hosts ids and names
   * @param now the entries of these hosts after the groups
   */
  constructor({ topics }: Interest, hosts: ReadonlySet<string>, now: Iterable<Held>, groups: readonly Group[]) {
    this.#topics = topics;
    this.#hosts = hosts;
    for (const held of now) this.#put(held.key, held);
    for (const { touches } of groups.toReversed()) {
      for (const { key, before } of touches.toReversed()) this.#put(key, before);
    }
  }

  /** Goes on to after the next group. */
  apply({ touches }: Group): void {
    for (const { key, after } of touches) this.#put(key, after);
  }

  entries(): IterableIterator<Held> {
    return this.#held.values();
  }

  #put(key: string, held: Held | undefined): void {
    if (held && this.#topics.has(held.kind) && isOfHost(held, this.#hosts)) this.#held.set(key, held);
    else this.#held.delete(key);
  }
}
