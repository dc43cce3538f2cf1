import type { Held } from '@portolan/model';
import { type Frame, frame } from './channel.ts';
import { type Interest, matches, putEvent } from './filter.ts';
import { type HostNames, namesAmong } from './host-names.ts';
import type { Picture } from './picture.ts';

/** Entries of one frame. */
const CHUNK = 500;
/** As many of these take the place of one finding, which may name a hundred parties. */
const FINDING_WEIGHT = 25;
/** Entries that one step looks at, so that it takes a few ms at most. */
const STEP = 2_000;
/** Of frames that are kept for others who want the same, characters. */
const KEPT_MAX = 16 * 1024 * 1024;

interface Made {
  readonly frame: Frame;
  /** Where the next frame begins. */
  readonly end: number;
}

/** The frames that were made last: a herd reads the same ones closely after each other. */
export class LastFrames {
  readonly #frames = new Map<string, Made>();
  #size = 0;

  get(name: string): Made | undefined {
    return this.#frames.get(name);
  }

  keep(name: string, made: Made): void {
    this.#frames.set(name, made);
    this.#size += made.frame.text.length;
    for (const [oldest, { frame }] of this.#frames) {
      if (this.#size <= KEPT_MAX) break;
      this.#frames.delete(oldest);
      this.#size -= frame.text.length;
    }
  }

  clear(): void {
    this.#frames.clear();
    this.#size = 0;
  }
}

/**
 * One subscriber's way through a picture: frames are made when they can be sent, so that whoever reads slowly holds
 * none. What is not in its filter is passed over in steps.
 */
export class Snapshot {
  readonly picture: Picture;
  readonly #interest: Interest;
  readonly #names: HostNames | undefined;
  readonly #name: string;
  readonly #last: LastFrames;
  #start = 0;
  #at = 0;
  #held: Held[] = [];
  #weight = 0;
  #done = false;

  /** @param name the same for the same interest */
  constructor(picture: Picture, interest: Interest, name: string, last: LastFrames) {
    this.picture = picture;
    this.#interest = interest;
    this.#name = `${picture.position} ${name}`;
    this.#last = last;
    const { host } = interest.filter;
    this.#names = host === undefined ? undefined : namesAmong(host, picture.hosts());
  }

  /** All frames were given. */
  get done(): boolean {
    return this.#done;
  }

  /** @returns the next frame; the first one is there without entries, too. Nothing when more steps lead to it */
  next(): Frame | undefined {
    const name = `${this.#start} ${this.#name}`;
    const made = this.#last.get(name) ?? this.#step();
    if (!made) return undefined;
    if (!this.#last.get(name)) this.#last.keep(name, made);
    this.#start = this.#at = made.end;
    this.#held = [];
    this.#weight = 0;
    this.#done = made.end === this.picture.entries.length;
    return made.frame;
  }

  #step(): Made | undefined {
    const { entries, position } = this.picture;
    const end = Math.min(this.#at + STEP, entries.length);
    let full = false;
    for (; this.#at < end; this.#at++) {
      const held = entries[this.#at]!;
      if (!this.#interest.topics.has(held.kind) || !matches(this.#interest, this.#names, held)) continue;
      const own = held.kind === 'finding' ? FINDING_WEIGHT : 1;
      full = this.#weight + own > CHUNK;
      if (full) break;
      this.#held.push(held);
      this.#weight += own;
    }
    if (!full && this.#at < entries.length) return undefined;
    return { frame: frame({ type: 'snapshot', entries: this.#held.map(putEvent), position }), end: this.#at };
  }
}
