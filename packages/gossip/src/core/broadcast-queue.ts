export interface Broadcast {
  readonly message: Uint8Array;
  /** What it is about: it replaces a queued one about the same. */
  readonly about?: string;
  /** Goes before all others. */
  readonly urgent?: boolean;
  /** Told once: it was sent as often as it should be, or a later one took its place, or there was no room for it. */
  readonly finished?: (outcome: 'sent' | 'replaced' | 'dropped') => void;
}

interface Entry extends Broadcast {
  readonly id: number;
  transmits: number;
}

export interface QueueOptions {
  /** How often a message is sent; asked each time, since it grows with the cluster. */
  readonly transmits: () => number;
  /** Messages kept; beyond it the ones that were sent most often are dropped. */
  readonly capacity: number;
}

/** Messages that ride in other packets, each in a limited number of them. */
export class BroadcastQueue {
  readonly #options: QueueOptions;
  /** By times sent, fewest first; each tier is sorted, largest message first, newest first among equals. */
  readonly #tiers: { readonly key: number; readonly entries: Entry[] }[] = [];
  readonly #about = new Map<string, Entry>();
  #length = 0;
  #ids = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#length;
  }

  add(broadcast: Broadcast): void {
    const former = broadcast.about === undefined ? undefined : this.#about.get(broadcast.about);
    if (former) {
      this.#remove(former);
      former.finished?.('replaced');
    }
    this.#insert({ ...broadcast, id: this.#ids++, transmits: 0 });
    this.prune(this.#options.capacity);
  }

  /**
   * Chooses messages for one packet: the least sent first, of those the largest that still fits. All that are chosen
   * count as sent once more.
   *
   * @param room bytes
   * @param overhead bytes that each costs besides its own
   * @param most how many
   */
  take(room: number, overhead: number, most = Number.POSITIVE_INFINITY): Uint8Array[] {
    if (this.#length === 0) return [];
    const chosen: Entry[] = [];
    let free = room;
    for (const { entries } of this.#tiers) {
      let at = 0;
      while (chosen.length < most) {
        at = firstThatFits(entries, free - overhead, at);
        const entry = entries[at];
        if (!entry) break;
        chosen.push(entry);
        free -= entry.message.length + overhead;
        at++;
      }
    }
    for (const entry of chosen) this.#remove(entry);
    const limit = this.#options.transmits();
    for (const entry of chosen) {
      entry.transmits++;
      if (entry.transmits < limit) this.#insert(entry);
      else entry.finished?.('sent');
    }
    return chosen.map(({ message }) => message);
  }

  /** Drops what was sent most often, until there are no more than `keep`. */
  prune(keep: number): void {
    while (this.#length > keep) {
      const entry = this.#tiers.at(-1)!.entries.at(-1)!;
      this.#remove(entry);
      entry.finished?.('dropped');
    }
  }

  #insert(entry: Entry): void {
    const key = tierOf(entry);
    let at = this.#tiers.findIndex((tier) => tier.key >= key);
    if (at === -1) at = this.#tiers.length;
    if (this.#tiers[at]?.key !== key) this.#tiers.splice(at, 0, { key, entries: [] });
    const { entries } = this.#tiers[at]!;
    entries.splice(placeOf(entries, entry), 0, entry);
    if (entry.about !== undefined) this.#about.set(entry.about, entry);
    this.#length++;
  }

  #remove(entry: Entry): void {
    const key = tierOf(entry);
    const at = this.#tiers.findIndex((tier) => tier.key === key);
    const { entries } = this.#tiers[at]!;
    entries.splice(placeOf(entries, entry), 1);
    if (entries.length === 0) this.#tiers.splice(at, 1);
    if (entry.about !== undefined) this.#about.delete(entry.about);
    this.#length--;
  }
}

function tierOf(entry: Entry): number {
  return entry.urgent ? -1 : entry.transmits;
}

/** Where an entry is, or belongs. */
function placeOf(entries: readonly Entry[], { message, id }: Entry): number {
  return firstWhere(entries, 0, (other) => {
    const longer = message.length - other.message.length;
    return longer > 0 || (longer === 0 && other.id <= id);
  });
}

function firstThatFits(entries: readonly Entry[], room: number, from: number): number {
  return firstWhere(entries, from, ({ message }) => message.length <= room);
}

/** Of a sorted list, the first place from which on `holds` is true. */
function firstWhere(entries: readonly Entry[], from: number, holds: (entry: Entry) => boolean): number {
  let low = from;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(entries[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
