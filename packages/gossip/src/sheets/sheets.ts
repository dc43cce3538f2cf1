import type { Clock, Timer } from '../world.ts';
import { Assembly } from './assembly.ts';
import { ChangeLog } from './change-log.ts';
import {
  type Changes,
  type Delta,
  decodeFrame,
  decodeInventory,
  encodeFrame,
  encodeInventory,
  type Frame,
} from './frame.ts';
import { Sheet, type SheetDelta, type SheetVersion } from './sheet.ts';

/** What sheets need of gossip. */
export interface SheetChannel {
  readonly name: string;
  /** To all members, but with no promise; a later payload of one key takes the place of one that is under way. */
  broadcast(payload: Uint8Array, options?: { key?: string }): void;
  /** To one member, reliably. */
  send(member: string, payload: Uint8Array): Promise<void>;
}

/** A sheet that changed here; `gone`: there is none any more. */
export interface SheetChange {
  readonly owner: string;
  /** After the change; of one that is gone, the last. */
  readonly version: number;
  readonly puts: ReadonlyMap<string, string>;
  readonly deletes: readonly string[];
  readonly gone: boolean;
}

export interface SheetsOptions {
  readonly channel: SheetChannel;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Told of each change, of this member's own sheets too. */
  readonly changed: (change: SheetChange) => void;
  /** Whether there may be a sheet of this owner; everybody may have one unless told otherwise. */
  readonly accepts?: (owner: string) => boolean;
  /** Whether a member may change the sheet of this owner; only the owner itself, unless told otherwise. */
  readonly mayWrite?: (owner: string, member: string) => boolean;
  /** How many records are kept, of all sheets together. */
  readonly limit?: number;
}

/** A change larger than this does not fit into a packet: then others are told that there is one, and ask for it. */
const DELTA_MAX = 850;
/** Records of one part of a whole sheet, and how long the texts of one part may be together. */
const PART_RECORDS = 2_000;
const PART_BYTES = 512 * 1024;
/** Characters of one record, key and text together: with a longer one a sheet is taken by nobody. */
export const SHEET_RECORD_MAX = 64 * 1024;
const OWNER_MAX = 128;
const LIMIT = 200_000;
/**
 * Broadcasts are lost: among many members that are gone, all of a change's may be. So the version is told again so long
 * after it, ms.
 */
const REMINDERS = [1_500, 5_000];
/** Changes that came before the one they build on, for each owner. */
const EARLY_MAX = 16;
/** How long to wait for a missing change before asking for it, ms; half of it random, so that not all ask at once. */
const GAP_WAIT = 1_000;
/** When what was asked for has not come, ms. */
const ASK_AGAIN = 10_000;
const ASK_AT_ONCE = 64;

interface Wish {
  readonly version: number;
  /** Who has it. */
  readonly by: string;
  /** When to ask for it, or to ask again. */
  readonly at: number;
}

/**
 * Copies of the sheets of all members, kept equal by gossip. A small change goes to everybody in a broadcast; what was
 * missed that way shows when two members compare what they have, and is asked for. Each owner alone changes its sheet:
 * whoever claims a newer version of a sheet of ours is overtaken by a still newer one.
 */
export class Sheets {
  readonly #options: SheetsOptions;
  readonly #limit: number;
  readonly #sheets = new Map<string, Sheet>();
  readonly #own = new Set<string>();
  readonly #log = new ChangeLog();
  readonly #early = new Map<string, Delta[]>();
  readonly #wishes = new Map<string, Wish>();
  readonly #assembly = new Assembly();
  readonly #reminders = new Map<string, Timer>();
  /** How many records more each would have needed. */
  readonly #overflow = new Map<string, number>();
  #records = 0;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: SheetsOptions) {
    this.#options = options;
    this.#limit = options.limit ?? LIMIT;
  }

  get(owner: string): Sheet | undefined {
    return this.#sheets.get(owner);
  }

  all(): MapIterator<Sheet> {
    return this.#sheets.values();
  }

  /** Owners whose sheets are not kept, for there is no room. */
  get overflow(): string[] {
    return [...this.#overflow.keys()];
  }

  /** How many records are kept. */
  get size(): number {
    return this.#records;
  }

  /**
   * Writes a whole sheet of this member's own; only what differs is told to others.
   *
   * @param atLeast the least version that it gets; versions only grow
   */
  publish(owner: string, records: ReadonlyMap<string, string>, atLeast = 1): void {
    const sheet = this.#ownSheet(owner);
    const difference = sheet.difference(records);
    if (difference === null && sheet.version > 0) return;
    this.#change(sheet, difference ?? { puts: new Map(), deletes: [] }, atLeast);
  }

  /** Changes some records of a sheet of this member's own. @returns bytes that the change takes to tell */
  patch(owner: string, puts: ReadonlyMap<string, string>, deletes: readonly string[], atLeast = 1): number {
    return this.#change(this.#ownSheet(owner), { puts, deletes }, atLeast);
  }

  /** Gives a sheet up: somebody else writes it from now on. Its copy stays. */
  disown(owner: string): void {
    this.#own.delete(owner);
  }

  /** Takes up a copy from an earlier life, unless there is a newer one. Whoever has a newer one still replaces it. */
  restore(version: SheetVersion, records: ReadonlyMap<string, string>): void {
    if (!this.#own.has(version.owner) && this.#isAcceptable(version.owner)) this.#takeWhole(version, records);
  }

  /** Forgets a sheet; it comes back if another member still has it and it is accepted. */
  drop(owner: string): void {
    const sheet = this.#sheets.get(owner);
    this.#overflow.delete(owner);
    this.#wishes.delete(owner);
    this.#early.delete(owner);
    this.#log.drop(owner);
    if (!sheet) return;
    this.#sheets.delete(owner);
    this.#records -= sheet.size;
    const deletes = [...sheet.records.keys()];
    this.#options.changed({ owner, version: sheet.version, puts: new Map(), deletes, gone: true });
  }

  /** What this member has, for another one to compare. */
  inventory(): Uint8Array {
    const { name } = this.#options.channel;
    const sheets = Array.from(this.#sheets.values(), ({ owner, version, digest }) => ({ owner, version, digest }));
    return encodeInventory({ from: name, sheets });
  }

  /** Compares with what another member has. @throws WireError when it cannot be read */
  compare(bytes: Uint8Array): void {
    const { from, sheets } = decodeInventory(bytes);
    for (const each of sheets) this.#heardOf(each, from, 0);
    this.#pump();
  }

  /**
   * Takes in what a member said.
   *
   * @param from who said it, be it that others passed it on
   * @throws WireError when it cannot be read
   */
  receive(payload: Uint8Array, from: string): void {
    const frame = decodeFrame(payload);
    switch (frame.type) {
      case 'delta':
        this.#delta(frame, payload, from);
        break;
      case 'head':
        this.#heardOf(frame, from, this.#gapWait());
        break;
      case 'want':
        for (const { owner, have } of frame.sheets.slice(0, ASK_AT_ONCE)) this.#answer(from, owner, have);
        break;
      case 'changes':
        if (this.#wishes.has(frame.owner)) this.#takeMissed(frame);
        break;
      case 'part': {
        const whole = this.#wishes.has(frame.owner) ? this.#assembly.add(frame, this.#limit) : null;
        if (whole) this.#takeWhole(frame, whole);
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const timer of this.#reminders.values()) timer.cancel();
  }

  #ownSheet(owner: string): Sheet {
    this.#own.add(owner);
    this.#wishes.delete(owner);
    let sheet = this.#sheets.get(owner);
    if (!sheet) this.#sheets.set(owner, (sheet = new Sheet(owner)));
    return sheet;
  }

  #change(sheet: Sheet, { puts, deletes }: Pick<SheetDelta, 'puts' | 'deletes'>, atLeast: number): number {
    const { channel } = this.#options;
    const { owner, version: from } = sheet;
    const version = Math.max(from + 1, atLeast);
    const before = sheet.size;
    const delta: Delta = {
      type: 'delta',
      owner,
      version,
      from,
      digest: sheet.digestAfter({ puts, deletes }),
      puts,
      deletes,
    };
    sheet.apply(delta);
    this.#records += sheet.size - before;
    const payload = encodeFrame(delta);
    this.#log.add(delta, payload);
    if (payload.length <= DELTA_MAX) channel.broadcast(payload);
    else this.#announce(delta);
    this.#remind(owner);
    this.#options.changed({ owner, version, puts, deletes, gone: false });
    return payload.length;
  }

  #remind(owner: string, [delay, ...further]: readonly number[] = REMINDERS): void {
    this.#reminders.get(owner)?.cancel();
    this.#reminders.delete(owner);
    if (delay === undefined || this.#stopped) return;
    const remind = () => {
      const sheet = this.#sheets.get(owner);
      if (!sheet || !this.#own.has(owner)) return;
      this.#announce(sheet);
      this.#remind(owner, further);
    };
    this.#reminders.set(owner, this.#options.clock.after(delay, remind));
  }

  #announce({ owner, version, digest }: SheetVersion): void {
    const { channel } = this.#options;
    const head = encodeFrame({ type: 'head', owner, version, digest });
    channel.broadcast(head, { key: owner });
  }

  #delta(delta: Delta, payload: Uint8Array, by: string): void {
    const { owner, version, from } = delta;
    if (!this.#isAcceptable(owner) || !(this.#options.mayWrite?.(owner, by) ?? owner === by)) return;
    if (this.#own.has(owner)) {
      this.#overtake(delta);
      return;
    }
    const have = this.#sheets.get(owner)?.version ?? 0;
    if (version <= have) return;
    if (from === have && this.#take(delta, payload)) {
      this.#takeEarly(owner);
      return;
    }
    const early = this.#early.get(owner) ?? [];
    if (early.length < EARLY_MAX && from > have) this.#early.set(owner, [...early, delta]);
    this.#heardOf(delta, by, this.#gapWait());
  }

  /** Changes that came too early may fit now. */
  #takeEarly(owner: string): void {
    for (;;) {
      const have = this.#sheets.get(owner)?.version ?? 0;
      const early = this.#early.get(owner)?.filter(({ version }) => version > have) ?? [];
      if (early.length > 0) this.#early.set(owner, early);
      else this.#early.delete(owner);
      const next = early.find(({ from }) => from === have);
      if (!next || !this.#take(next, encodeFrame(next))) break;
    }
    const wish = this.#wishes.get(owner);
    if (wish && wish.version <= (this.#sheets.get(owner)?.version ?? 0)) this.#wishes.delete(owner);
  }

  #takeMissed({ owner, deltas }: Changes): void {
    for (const payload of deltas) {
      const delta = decodeFrame(payload);
      if (delta.type !== 'delta' || delta.owner !== owner) continue;
      if (delta.from === (this.#sheets.get(owner)?.version ?? 0)) this.#take(delta, payload);
    }
    this.#takeEarly(owner);
  }

  #take(delta: Delta, payload: Uint8Array): boolean {
    const { owner, version, puts, deletes } = delta;
    const sheet = this.#sheets.get(owner) ?? new Sheet(owner);
    const before = sheet.size;
    if (!fits(puts)) return false;
    if (this.#records + puts.size > this.#limit) {
      this.#overflow.set(owner, puts.size);
      return false;
    }
    if (!sheet.apply(delta)) return false;
    this.#sheets.set(owner, sheet);
    this.#records += sheet.size - before;
    this.#log.add(delta, payload);
    this.#options.changed({ owner, version, puts, deletes, gone: false });
    return true;
  }

  #takeWhole(version: SheetVersion, records: ReadonlyMap<string, string>): void {
    const { owner } = version;
    this.#wishes.delete(owner);
    const before = this.#sheets.get(owner);
    if (!isNewer(version, before) || !fits(records)) return;
    const more = records.size - (before?.size ?? 0);
    if (this.#records + more > this.#limit) {
      this.#overflow.set(owner, more);
      return;
    }
    const sheet = new Sheet(owner, version.version, records);
    if (sheet.digest !== version.digest) return;
    this.#overflow.delete(owner);
    this.#log.drop(owner);
    this.#sheets.set(owner, sheet);
    this.#records += more;
    const difference = (before ?? new Sheet(owner)).difference(records) ?? { puts: new Map(), deletes: [] };
    this.#options.changed({ owner, version: version.version, ...difference, gone: false });
    this.#takeEarly(owner);
    this.#pump();
  }

  /** Somebody has, or claims to have, this version. */
  #heardOf(version: SheetVersion, by: string, wait: number): void {
    const { owner } = version;
    if (!this.#isAcceptable(owner)) return;
    if (this.#own.has(owner)) {
      this.#overtake(version);
      return;
    }
    if (!isNewer(version, this.#sheets.get(owner)) || by === this.#options.channel.name) return;
    const needed = this.#overflow.get(owner) ?? 0;
    if (this.#records + needed > this.#limit) return;
    const wish = this.#wishes.get(owner);
    if (wish && wish.version >= version.version) return;
    const at = this.#options.clock.now() + wait;
    this.#wishes.set(owner, { version: version.version, by, at: wish ? Math.min(wish.at, at) : at });
    this.#schedule();
  }

  /** What others have of a sheet of ours from an earlier life is no longer so. */
  #overtake({ owner, version, digest }: SheetVersion): void {
    const sheet = this.#sheets.get(owner);
    if (!sheet || version < sheet.version || (version === sheet.version && digest === sheet.digest)) return;
    if (version >= Number.MAX_SAFE_INTEGER - 1) return;
    this.#log.drop(owner);
    sheet.apply({ version: version + 1, digest: sheet.digest, puts: new Map(), deletes: [] });
    this.#announce(sheet);
  }

  #answer(to: string, owner: string, have: number): void {
    const sheet = this.#sheets.get(owner);
    if (!sheet || sheet.version < have || to === this.#options.channel.name) return;
    const since = this.#log.since(owner, have, sheet.version);
    if (since) this.#send(to, encodeFrame({ type: 'changes', owner, deltas: since }));
    else for (const part of partsOf(sheet)) this.#send(to, encodeFrame(part));
  }

  #send(to: string, payload: Uint8Array): void {
    // Whoever lacks it asks again, here or elsewhere.
    this.#options.channel.send(to, payload).catch(() => {});
  }

  #isAcceptable(owner: string): boolean {
    return owner.length > 0 && owner.length <= OWNER_MAX && (this.#options.accepts?.(owner) ?? true);
  }

  #gapWait(): number {
    return GAP_WAIT * (0.5 + 0.5 * this.#options.random());
  }

  #schedule(): void {
    if (this.#timer || this.#stopped) return;
    this.#timer = this.#options.clock.after(GAP_WAIT / 4, () => {
      this.#timer = null;
      this.#pump();
    });
  }

  /** Asks for what is due, a bounded number at a time. */
  #pump(): void {
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    const asked = new Map<string, { owner: string; have: number }[]>();
    let count = 0;
    for (const [owner, wish] of this.#wishes) {
      if (wish.at > now || count >= ASK_AT_ONCE) continue;
      count++;
      const have = this.#sheets.get(owner)?.version ?? 0;
      const sheets = asked.get(wish.by) ?? [];
      asked.set(wish.by, [...sheets, { owner, have }]);
      this.#wishes.set(owner, { ...wish, at: now + ASK_AGAIN });
    }
    const { channel } = this.#options;
    for (const [by, sheets] of asked) {
      const forget = () => {
        for (const { owner } of sheets) if (this.#wishes.get(owner)?.by === by) this.#wishes.delete(owner);
      };
      // Another one who has it will show up by comparing.
      channel.send(by, encodeFrame({ type: 'want', sheets })).catch(forget);
    }
    if (this.#wishes.size > 0) this.#schedule();
  }
}

function isNewer({ version, digest }: SheetVersion, before: SheetVersion | undefined): boolean {
  if (!before || version > before.version) return true;
  return version === before.version && digest > before.digest;
}

function fits(records: ReadonlyMap<string, string>): boolean {
  for (const [key, value] of records) if (key.length + value.length > SHEET_RECORD_MAX) return false;
  return true;
}

function partsOf(sheet: Sheet): Frame[] {
  const { owner, version, digest } = sheet;
  const parts: Map<string, string>[] = [new Map()];
  let bytes = 0;
  for (const [key, value] of sheet.records) {
    bytes += key.length + value.length;
    if (bytes > PART_BYTES || parts.at(-1)!.size >= PART_RECORDS) {
      parts.push(new Map());
      bytes = key.length + value.length;
    }
    parts.at(-1)!.set(key, value);
  }
  return parts.map((puts, index) => ({ type: 'part', owner, version, digest, index, total: parts.length, puts }));
}
