import type { Clock, Timer } from '../world.ts';
import { Assembly, charactersOf } from './assembly.ts';
import { ChangeLog } from './change-log.ts';
import {
  type Changes,
  type Delta,
  decodeFrame,
  decodeInventory,
  encodeFrame,
  encodeInventory,
  type Frame,
  type Part,
  readChanges,
} from './frame.ts';
import { type Seals, statementOf } from './seals.ts';
import { Sheet, type SheetDelta, type SheetSize, type SheetVersion, type SignedVersion } from './sheet.ts';
import { Wishes } from './wishes.ts';

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
  /** Milliseconds since 1970: no version runs far ahead of it. */
  readonly wallClock: () => number;
  readonly seals: Seals;
  /** Told of each change, of this member's own sheets too. */
  readonly changed: (change: SheetChange) => void;
  /** Told of a sheet that is not what its writer signed, or whose writer is not known. */
  readonly refused?: (owner: string) => void;
  /** Whether there may be a sheet of this owner; everybody may have one unless told otherwise. */
  readonly accepts?: (owner: string) => boolean;
  /** How large the sheet of an owner may be; 20,000 records and 16 Mi characters unless told otherwise. */
  readonly sizeOf?: (owner: string) => SheetSize;
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
const SIZE: SheetSize = { records: 20_000, characters: 16 * 1024 * 1024 };
/** How far a version may be ahead of this member's clock, ms: clocks differ. */
const AHEAD_MAX = 600_000;
/**
 * Broadcasts are lost: among many members that are gone, all of a change's may be. So the version is told again so long
 * after it, ms.
 */
const REMINDERS = [1_500, 5_000];
/** Changes that came before the one they build on, for each owner, and characters of one. */
const EARLY_MAX = 16;
const EARLY_CHARACTERS_MAX = 16 * 1024;
/** How long to wait for a missing change before asking for it, ms; half of it random, so that not all ask at once. */
const GAP_WAIT = 1_000;
const ASK_AT_ONCE = 64;
const LEFT_OUT = 60_000;

/**
 * Copies of the sheets of all members, kept equal by gossip. A small change goes to everybody in a broadcast; what was
 * missed that way shows when two members compare what they have, and is asked for. Whoever passes a sheet on, it is
 * taken only with the signature of its writer. What a member says of versions without one costs a question, no more.
 */
export class Sheets {
  readonly #options: SheetsOptions;
  readonly #limit: number;
  readonly #sheets = new Map<string, Sheet>();
  readonly #own = new Set<string>();
  readonly #log = new ChangeLog();
  readonly #early = new Map<string, Delta[]>();
  readonly #wishes = new Wishes();
  readonly #assembly = new Assembly();
  readonly #reminders = new Map<string, Timer>();
  /** How many records more each would have needed. */
  readonly #overflow = new Map<string, number>();
  /** Those larger than they may be, and until when they are not asked for, ms. */
  readonly #tooLarge = new Map<string, number>();
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
    return [...this.#overflow.keys(), ...this.#tooLarge.keys()];
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
  restore(version: SignedVersion, records: ReadonlyMap<string, string>): void {
    const { owner } = version;
    if (this.#own.has(owner) || !this.#isAcceptable(version) || !this.#isSigned(version)) return;
    const sheet = new Sheet(owner, version.version, records, version.signature);
    if (sheet.digest === version.digest) this.#takeWhole(sheet);
  }

  /** Forgets a sheet; it comes back if another member still has it and it is accepted. */
  drop(owner: string): void {
    const sheet = this.#sheets.get(owner);
    this.#overflow.delete(owner);
    this.#tooLarge.delete(owner);
    this.#wishes.drop(owner);
    this.#assembly.drop(owner);
    this.#early.delete(owner);
    this.#log.drop(owner);
    if (!sheet) return;
    this.#sheets.delete(owner);
    this.#records -= sheet.size.records;
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
    for (const each of sheets) if (this.#isAcceptable(each)) this.#heardOf(each, from, { wait: 0, isSigned: false });
    this.#pump();
  }

  /**
   * Takes in what a member said.
   *
   * @param from who said it, be it that others passed it on; whoever has the key of gossip may say that it is anybody
   * @throws WireError when it cannot be read
   */
  receive(payload: Uint8Array, from: string): void {
    const frame = decodeFrame(payload);
    switch (frame.type) {
      case 'delta':
        if (this.#isNews(frame) && this.#isSigned(frame)) this.#delta(frame, payload, from);
        break;
      case 'head':
        if (this.#isNews(frame) && this.#isSigned(frame)) this.#heardOf(frame, from, { isSigned: true });
        break;
      case 'want':
        for (const { owner, have } of frame.sheets.slice(0, ASK_AT_ONCE)) this.#answer(from, owner, have);
        break;
      case 'changes':
        if (this.#wishes.isAsked(frame.owner, from)) this.#takeMissed(frame);
        break;
      case 'part':
        if (this.#wishes.isAsked(frame.owner, from)) this.#takePart(frame);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const timer of this.#reminders.values()) timer.cancel();
  }

  #ownSheet(owner: string): Sheet {
    this.#own.add(owner);
    this.#wishes.drop(owner);
    let sheet = this.#sheets.get(owner);
    if (!sheet) this.#sheets.set(owner, (sheet = new Sheet(owner)));
    return sheet;
  }

  #change(sheet: Sheet, { puts, deletes }: Pick<SheetDelta, 'puts' | 'deletes'>, atLeast: number): number {
    const { channel } = this.#options;
    const { owner, version: from } = sheet;
    const version = Math.max(from + 1, atLeast);
    const before = sheet.size.records;
    const delta: Delta = { type: 'delta', ...sheet.write(version, { puts, deletes }, (each) => this.#sign(each)) };
    this.#records += sheet.size.records - before;
    const payload = encodeFrame(delta);
    this.#log.add(delta, payload);
    if (payload.length <= DELTA_MAX) channel.broadcast(payload);
    else this.#announce(delta);
    this.#remind(owner);
    this.#options.changed({ owner, version, puts, deletes, gone: false });
    return payload.length;
  }

  #sign(version: SheetVersion): Uint8Array {
    return this.#options.seals.sign(version.owner, statementOf(version));
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

  #announce({ owner, version, digest, signature }: SignedVersion): void {
    const { channel } = this.#options;
    const head = encodeFrame({ type: 'head', owner, version, digest, signature });
    channel.broadcast(head, { key: owner });
  }

  #delta(delta: Delta, payload: Uint8Array, by: string): void {
    const { owner, version, from } = delta;
    const have = this.#sheets.get(owner)?.version ?? 0;
    if (!this.#own.has(owner) && from === have && this.#take(delta, payload)) {
      this.#takeEarly(owner);
      return;
    }
    const early = this.#early.get(owner) ?? [];
    if (early.length < EARLY_MAX && from > have && version > have && isSmall(delta)) {
      this.#early.set(owner, [...early, delta]);
    }
    this.#heardOf(delta, by, { isSigned: true });
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
    this.#wishes.fulfil(owner, this.#sheets.get(owner)?.version ?? 0);
  }

  #takeMissed(changes: Changes): void {
    const { owner } = changes;
    for (const { delta, payload } of readChanges(changes)) {
      if (delta.owner !== owner || delta.from !== (this.#sheets.get(owner)?.version ?? 0)) continue;
      if (!this.#isNews(delta) || !this.#isSigned(delta) || !this.#take(delta, payload)) break;
    }
    this.#takeEarly(owner);
    // They lead elsewhere: where two wrote at once, copies of one version differ, and only the whole sheet helps.
    if (this.#wishes.wantWhole(owner)) this.#pump();
  }

  #take(delta: Delta, payload: Uint8Array): boolean {
    const { owner, version, puts, deletes } = delta;
    const sheet = this.#sheets.get(owner) ?? new Sheet(owner);
    const before = sheet.size.records;
    const size = sheet.sizeAfter(delta);
    if (!fits(puts) || !this.#hasRoomFor(owner, size)) return false;
    const more = size.records - before;
    if (more > 0 && this.#records + more > this.#limit) {
      this.#overflow.set(owner, more);
      return false;
    }
    if (!sheet.apply(delta)) return false;
    this.#sheets.set(owner, sheet);
    this.#records += more;
    this.#log.add(delta, payload);
    this.#options.changed({ owner, version, puts, deletes, gone: false });
    return true;
  }

  #takePart(part: Part): void {
    const { owner, version, digest, signature } = part;
    if (!this.#isNews(part) || !this.#isSigned(part)) {
      this.#giveUp(owner);
      return;
    }
    const records = this.#assembly.add(part, this.#sizeOf(owner));
    if (records === 'too large') this.#leaveOut(owner);
    if (records === null || records === 'too large') return;
    const sheet = new Sheet(owner, version, records, signature);
    if (sheet.digest !== digest) {
      this.#giveUp(owner);
      return;
    }
    this.#wishes.drop(owner);
    if (this.#own.has(owner)) this.#overtake(sheet);
    else this.#takeWhole(sheet);
    this.#pump();
  }

  /** Whoever was asked did not have what it said that it has. */
  #giveUp(owner: string): void {
    this.#assembly.drop(owner);
    this.#wishes.giveUp(owner, this.#options.clock.now());
  }

  /** Its writer made it larger than it may be; it is looked at again after a while. */
  #leaveOut(owner: string): void {
    const { clock } = this.#options;
    this.#wishes.drop(owner);
    this.#tooLarge.set(owner, clock.now() + LEFT_OUT);
  }

  /** @param sheet signed by its writer */
  #takeWhole(sheet: Sheet): void {
    const { owner, version, size } = sheet;
    const before = this.#sheets.get(owner);
    if (!isNewer(sheet, before) || !fits(sheet.records) || !this.#hasRoomFor(owner, size)) return;
    const more = size.records - (before?.size.records ?? 0);
    if (more > 0 && this.#records + more > this.#limit) {
      this.#overflow.set(owner, more);
      return;
    }
    this.#overflow.delete(owner);
    this.#tooLarge.delete(owner);
    this.#log.drop(owner);
    this.#sheets.set(owner, sheet);
    this.#records += more;
    const difference = (before ?? new Sheet(owner)).difference(sheet.records) ?? { puts: new Map(), deletes: [] };
    this.#options.changed({ owner, version, ...difference, gone: false });
    this.#takeEarly(owner);
  }

  /** Somebody has this version, or without a signature claims to. */
  #heardOf(
    version: SheetVersion & Partial<SignedVersion>,
    by: string,
    { wait = this.#gapWait(), isSigned }: { wait?: number; isSigned: boolean },
  ): void {
    const { owner } = version;
    if (by === this.#options.channel.name || !isNewer(version, this.#sheets.get(owner))) return;
    if (isSigned && this.#own.has(owner)) {
      this.#overtake(version);
      return;
    }
    const needed = this.#overflow.get(owner) ?? 0;
    if (this.#records + needed > this.#limit) return;
    const now = this.#options.clock.now();
    if ((this.#tooLarge.get(owner) ?? 0) > now) return;
    if (this.#wishes.add(owner, { version: version.version, by, isSigned, at: now + wait }, now)) this.#schedule();
  }

  /** What others have of a sheet of ours from an earlier life is no longer so. */
  #overtake(version: SheetVersion): void {
    const sheet = this.#sheets.get(version.owner);
    if (!sheet || !isNewer(version, sheet)) return;
    this.#log.drop(version.owner);
    sheet.write(version.version + 1, { puts: new Map(), deletes: [] }, (each) => this.#sign(each));
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

  /** Whether there may be such a sheet. */
  #isAcceptable({ owner, version }: SheetVersion): boolean {
    if (owner.length === 0 || owner.length > OWNER_MAX) return false;
    if (version < 1 || version > this.#options.wallClock() + AHEAD_MAX) return false;
    return this.#own.has(owner) || (this.#options.accepts?.(owner) ?? true);
  }

  /** Before anybody looks at its signature, which takes longer. */
  #isNews(version: SheetVersion): boolean {
    return this.#isAcceptable(version) && isNewer(version, this.#sheets.get(version.owner));
  }

  #isSigned(version: SignedVersion): boolean {
    const { seals, refused } = this.#options;
    if (seals.verify(version.owner, statementOf(version), version.signature)) return true;
    refused?.(version.owner);
    return false;
  }

  #sizeOf(owner: string): SheetSize {
    return this.#options.sizeOf?.(owner) ?? SIZE;
  }

  #hasRoomFor(owner: string, { records, characters }: SheetSize): boolean {
    const most = this.#sizeOf(owner);
    return records <= most.records && characters <= most.characters;
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
    const { channel, clock } = this.#options;
    const { asked, late } = this.#wishes.due(clock.now(), ASK_AT_ONCE);
    for (const owner of late) this.#assembly.drop(owner);
    for (const [by, wishes] of asked) {
      const sheets = wishes.map(({ owner, whole }) => ({
        owner,
        have: whole ? 0 : (this.#sheets.get(owner)?.version ?? 0),
      }));
      const forget = () => {
        for (const { owner } of sheets) this.#wishes.forget(owner, by);
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

function isSmall({ puts }: Delta): boolean {
  return charactersOf(puts) <= EARLY_CHARACTERS_MAX;
}

function partsOf(sheet: Sheet): Frame[] {
  const { owner, version, digest, signature } = sheet;
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
  return parts.map((puts, index) => ({
    type: 'part',
    owner,
    version,
    digest,
    signature,
    index,
    total: parts.length,
    puts,
  }));
}
