import { type Fleet, type Held, type Host, type Position, topics } from '@portolan/model';

/**
 * A picture serves all who ask within this time, ms, so that a herd of subscribers costs few; and whoever asks while nothing
 * has changed. It is short, for what somebody did before it asked should be in the list, and not come as news.
 */
const KEPT = 100;
/** As many are held by those who still read them. Each is a list of all entries, and keeps those that are gone since. */
const PICTURES_MAX = 4;

/** What the fleet was at one position. Entries never change in place, so a list of them is that, however long it is read. */
export class Picture {
  readonly position: Position;
  readonly epoch: number;
  readonly takenAt = performance.now();
  entries: readonly Held[];
  /** Nothing can be read from it any more. */
  dropped = false;

  constructor(fleet: Fleet) {
    this.position = fleet.position;
    this.epoch = fleet.epoch;
    const entries: Held[] = [];
    for (const topic of topics) for (const held of fleet.all(topic)) entries.push(held);
    this.entries = entries;
  }

  *hosts(): Generator<Host> {
    for (const { kind, value } of this.entries) if (kind === 'host') yield value as Host;
  }

  drop(): void {
    this.dropped = true;
    this.entries = [];
  }
}

/**
 * The pictures that are being read: one for all subscribers, whatever their filters, and only a few however slowly
 * they read.
 */
export class Pictures {
  readonly #fleet: Fleet;
  readonly #leadsOn: (position: Position) => boolean;
  /** The oldest first. */
  #pictures: Picture[] = [];

  /** @param leadsOn whether what changed since that position is in memory */
  constructor(fleet: Fleet, leadsOn: (position: Position) => boolean) {
    this.#fleet = fleet;
    this.#leadsOn = leadsOn;
  }

  /**
   * A picture to begin with. When as many as may be are being read already, it is the last of them, as long as one can
   * go on from there; then the oldest is dropped, and whoever still reads it has to begin anew.
   *
   * @param read those that are being read
   */
  now(read: () => Iterable<Picture>): Picture {
    const newest = this.#pictures.at(-1);
    if (newest && this.#isFresh(newest)) return newest;
    this.tidy(read);
    const last = this.#pictures.at(-1);
    if (last && this.#pictures.length >= PICTURES_MAX) {
      if (this.#leadsOn(last.position)) return last;
      this.#pictures.shift()!.drop();
    }
    const picture = new Picture(this.#fleet);
    this.#pictures.push(picture);
    return picture;
  }

  /** Lets go of what nobody reads. */
  tidy(read: () => Iterable<Picture>): void {
    const wanted = new Set(read());
    this.#pictures = this.#pictures.filter((each) => wanted.has(each) || this.#isFresh(each));
  }

  /** They may lie before a reset of the replica; then nothing leads on from them. */
  forget(): void {
    this.#pictures = [];
  }

  #isFresh({ takenAt, epoch, position }: Picture): boolean {
    if (epoch !== this.#fleet.epoch) return false;
    return position === this.#fleet.position || performance.now() - takenAt < KEPT;
  }
}
