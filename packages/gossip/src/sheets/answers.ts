import type { Clock, Timer } from '../world.ts';
import { encodeFrame, type Part } from './frame.ts';
import type { Sheet } from './sheet.ts';

export interface AnswersOptions {
  readonly clock: Clock;
  /** This member, which does not answer itself. */
  readonly name: string;
  readonly send: (member: string, payload: Uint8Array) => Promise<void>;
  readonly get: (owner: string) => Sheet | undefined;
  /** The changes that lead from a version to the newest one, as they were told; `null` when that is not known. */
  readonly since: (owner: string, have: number) => Uint8Array[] | null;
}

/** Records of one part of a whole sheet, and how long the texts of one part may be together. */
const PART_RECORDS = 2_000;
const PART_BYTES = 512 * 1024;
/** A member gets a sheet as a whole so often at most, and changes of it, ms. Who waits in vain asks again after 10 s. */
const WHOLE_EVERY = 5_000;
const CHANGES_EVERY = 500;
/** After this nobody waits for an answer any more, ms. */
const PATIENCE = 10_000;
/** Questions that wait, of one member and of all. */
const MEMBER_ASKS_MAX = 2_048;
const ASKS_MAX = 8_192;
/** Bytes of all answers in a second, and of those that a member has not taken yet. */
const RATE = 16 * 1024 * 1024;
const UNTAKEN_MAX = 4 * 1024 * 1024;
/** So long this works before others have their turn, and so long it waits when nothing may be sent, ms. */
const SLICE = 10;
const PAUSE = 250;

interface Ask {
  readonly have: number;
  readonly until: number;
}

interface Asker {
  readonly asks: Map<string, Ask>;
  /** What is left of the answer under way. */
  rest: Iterator<Uint8Array> | null;
}

/** The parts of a version; those that were sent once are encoded. */
interface Whole {
  readonly version: number;
  readonly digest: string;
  readonly parts: (Part | Uint8Array)[];
}

/**
 * Gives others the sheets that they ask for. To ask takes a few bytes and to answer takes megabytes, and whoever has the
 * key of gossip asks in anybody's name: so each gets what it asks for once, in turns, and all together no more than so
 * many bytes a second. What cannot be given in time is not given; whoever lacks it asks again.
 */
export class Answers {
  readonly #options: AnswersOptions;
  /** Whoever is next is the first. */
  readonly #askers = new Map<string, Asker>();
  /** When each member may have each sheet again, as a whole or its changes; and the oldest first. */
  readonly #given = new Map<string, { readonly whole: boolean; readonly at: number }>();
  readonly #untaken = new Map<string, number>();
  /** Encoded once for all who ask; they go when memory is needed. */
  readonly #wholes = new WeakMap<Sheet, WeakRef<Whole>>();
  #asks = 0;
  #room = RATE;
  #roomAt: number;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#roomAt = options.clock.now();
  }

  /** @param sheets what the member has; of one owner the last counts */
  ask(member: string, sheets: readonly { readonly owner: string; readonly have: number }[]): void {
    const { clock, name, get } = this.#options;
    if (member === name) return;
    const asker = this.#askers.get(member) ?? { asks: new Map<string, Ask>(), rest: null };
    const until = clock.now() + PATIENCE;
    for (const { owner, have } of sheets) {
      const sheet = get(owner);
      if (!sheet || sheet.version < have) continue;
      if (!asker.asks.has(owner)) {
        if (asker.asks.size >= MEMBER_ASKS_MAX || this.#asks >= ASKS_MAX) break;
        this.#asks++;
      }
      asker.asks.set(owner, { have, until });
    }
    if (asker.asks.size > 0) this.#askers.set(member, asker);
    if (!this.#timer) this.#work();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #work(): void {
    this.#timer = null;
    if (this.#stopped) return;
    const { clock } = this.#options;
    const start = clock.now();
    this.#room = Math.min(RATE, this.#room + ((start - this.#roomAt) * RATE) / 1_000);
    this.#roomAt = start;
    for (const [key, { at }] of this.#given) {
      if (at + WHOLE_EVERY > start) break;
      this.#given.delete(key);
    }
    let idle = 0;
    while (this.#room > 0 && idle < this.#askers.size && clock.now() - start < SLICE) {
      const [member, asker] = this.#askers.entries().next().value!;
      this.#askers.delete(member);
      idle = this.#step(member, asker, start) ? 0 : idle + 1;
      if (asker.rest || asker.asks.size > 0) this.#askers.set(member, asker);
    }
    if (this.#askers.size === 0) return;
    const wait = this.#room <= 0 || idle >= this.#askers.size ? PAUSE : 0;
    this.#timer = clock.after(wait, () => this.#work());
  }

  /** Sends one message. @returns whether there was one to send */
  #step(member: string, asker: Asker, now: number): boolean {
    if ((this.#untaken.get(member) ?? 0) >= UNTAKEN_MAX) {
      this.#forgetLate(asker, now);
      return false;
    }
    asker.rest ??= this.#next(member, asker, now);
    const next = asker.rest?.next();
    if (!next || next.done) {
      asker.rest = null;
      return next !== undefined;
    }
    this.#send(member, next.value);
    return true;
  }

  /** The answer to the first question that may be answered now. */
  #next(member: string, asker: Asker, now: number): Iterator<Uint8Array> | null {
    this.#forgetLate(asker, now);
    for (const [owner, { have }] of asker.asks) {
      const sheet = this.#options.get(owner);
      const deltas = sheet && this.#options.since(owner, have);
      const key = `${member}\n${owner}`;
      const given = this.#given.get(key);
      const whole = deltas === null;
      if (given && now < given.at + (whole && given.whole ? WHOLE_EVERY : CHANGES_EVERY)) {
        // After changes that lead elsewhere the whole sheet is asked for at once.
        if (!whole || given.whole) continue;
      }
      asker.asks.delete(owner);
      this.#asks--;
      if (!sheet || deltas === undefined) continue;
      this.#given.delete(key);
      this.#given.set(key, { whole: whole || given?.whole === true, at: now });
      return deltas ? [encodeFrame({ type: 'changes', owner, deltas })].values() : this.#whole(sheet);
    }
    return null;
  }

  #whole(sheet: Sheet): Iterator<Uint8Array> {
    const { version, digest } = sheet;
    const known = this.#wholes.get(sheet)?.deref();
    if (known?.version === version && known.digest === digest) return encoded(known.parts);
    const whole: Whole = { version, digest, parts: partsOf(sheet) };
    this.#wholes.set(sheet, new WeakRef(whole));
    return encoded(whole.parts);
  }

  #send(member: string, payload: Uint8Array): void {
    this.#room -= payload.length;
    this.#untaken.set(member, (this.#untaken.get(member) ?? 0) + payload.length);
    const over = () => {
      const left = this.#untaken.get(member)! - payload.length;
      if (left > 0) this.#untaken.set(member, left);
      else this.#untaken.delete(member);
    };
    // Whoever lacks it asks again, here or elsewhere.
    this.#options.send(member, payload).then(over, over);
  }

  #forgetLate(asker: Asker, now: number): void {
    for (const [owner, { until }] of asker.asks) {
      if (until > now) continue;
      asker.asks.delete(owner);
      this.#asks--;
    }
  }
}

function* encoded(parts: (Part | Uint8Array)[]): Generator<Uint8Array> {
  for (const [index, part] of parts.entries()) {
    const payload = part instanceof Uint8Array ? part : encodeFrame(part);
    parts[index] = payload;
    yield payload;
  }
}

function partsOf({ owner, version, digest, signature, records }: Sheet): Part[] {
  const parts: Map<string, string>[] = [new Map()];
  let bytes = 0;
  for (const [key, value] of records) {
    bytes += key.length + value.length;
    if (bytes > PART_BYTES || parts.at(-1)!.size >= PART_RECORDS) {
      parts.push(new Map());
      bytes = key.length + value.length;
    }
    parts.at(-1)!.set(key, value);
  }
  const total = parts.length;
  return parts.map((puts, index) => ({ type: 'part', owner, version, digest, signature, index, total, puts }));
}
