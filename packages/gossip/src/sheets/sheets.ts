import type { Clock, Timer } from '../world.ts';
import { Answers } from './answers.ts';
import { Assembly, charactersOf } from './assembly.ts';
import { Copies, type CopiesOptions } from './copies.ts';
import {
  type Changes,
  type Delta,
  decodeFrame,
  decodeInventory,
  encodeFrame,
  encodeInventory,
  type Part,
  readChanges,
} from './frame.ts';
import { type Seals, statementOf } from './seals.ts';
import { Sheet, type SheetVersion, type SignedVersion } from './sheet.ts';
import { Wishes } from './wishes.ts';

/** What sheets need of gossip. */
export interface SheetChannel {
  readonly name: string;
  /** To all members, but with no promise; a later payload of one key takes the place of one that is under way. */
  broadcast(payload: Uint8Array, options?: { key?: string }): void;
  /** To one member, reliably. */
  send(member: string, payload: Uint8Array): Promise<void>;
}

export interface SheetsOptions extends Omit<CopiesOptions, 'clock'> {
  readonly channel: SheetChannel;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Milliseconds since 1970: no version runs far ahead of it. */
  readonly wallClock: () => number;
  readonly seals: Seals;
  /** Told of a sheet that is not what its writer signed, or whose writer is not known. */
  readonly refused?: (owner: string) => void;
  /** Whether there may be a sheet of this owner; everybody may have one unless told otherwise. */
  readonly accepts?: (owner: string) => boolean;
}

/** A change larger than this does not fit into a packet: then others are told that there is one, and ask for it. */
const DELTA_MAX = 850;
const OWNER_MAX = 128;
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

/**
 * Copies of the sheets of all members, kept equal by gossip. A small change goes to everybody in a broadcast; what was
 * missed that way shows when two members compare what they have, and is asked for. Whoever passes a sheet on, it is
 * taken only with the signature of its writer. What a member says of versions without one costs a question, no more.
 */
export class Sheets {
  readonly #options: SheetsOptions;
  readonly #copies: Copies;
  readonly #own = new Set<string>();
  readonly #early = new Map<string, Delta[]>();
  readonly #wishes = new Wishes();
  readonly #assembly = new Assembly();
  readonly #answers: Answers;
  readonly #reminders = new Map<string, Timer>();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: SheetsOptions) {
    this.#options = options;
    this.#copies = new Copies(options);
    const { channel, clock } = options;
    this.#answers = new Answers({
      clock,
      name: channel.name,
      send: (member, payload) => channel.send(member, payload),
      get: (owner) => this.#copies.get(owner),
      since: (owner, have) => this.#copies.since(owner, have),
    });
  }

  get(owner: string): Sheet | undefined {
    return this.#copies.get(owner);
  }

  all(): MapIterator<Sheet> {
    return this.#copies.all();
  }

  /** Owners whose sheets are not kept, for there is no room. */
  get overflow(): string[] {
    return this.#copies.overflow;
  }

  /** How many records are kept. */
  get size(): number {
    return this.#copies.size;
  }

  /**
   * Writes a whole sheet of this member's own; only what differs is told to others.
   *
   * @param atLeast the least version that it gets; versions only grow
   */
  publish(owner: string, records: ReadonlyMap<string, string>, atLeast = 1): void {
    const sheet = this.#copies.get(owner);
    const difference = (sheet ?? new Sheet(owner)).difference(records);
    if (difference === null && sheet && this.#own.has(owner)) return;
    this.patch(owner, difference?.puts ?? new Map(), difference?.deletes ?? [], atLeast);
  }

  /** Changes some records of a sheet of this member's own. @returns bytes that the change takes to tell */
  patch(owner: string, puts: ReadonlyMap<string, string>, deletes: readonly string[], atLeast = 1): number {
    this.#own.add(owner);
    this.#wishes.drop(owner);
    const version = Math.max(this.#versionOf(owner) + 1, atLeast);
    const { delta, payload } = this.#copies.write(owner, version, { puts, deletes }, this.#sign);
    if (payload.length <= DELTA_MAX) this.#options.channel.broadcast(payload);
    else this.#announce(delta);
    this.#remind(owner);
    return payload.length;
  }

  /** Gives a sheet up: somebody else writes it from now on. Its copy stays. */
  disown(owner: string): void {
    this.#own.delete(owner);
  }

  /** Takes up a copy from an earlier life, unless there is a newer one. Whoever has a newer one still replaces it. */
  restore(sheet: Sheet): void {
    if (!this.#own.has(sheet.owner) && this.#isAcceptable(sheet) && this.#isSigned(sheet)) this.#takeWhole(sheet);
  }

  /** Forgets a sheet; it comes back if another member still has it and it is accepted. */
  drop(owner: string): void {
    this.#wishes.drop(owner);
    this.#assembly.drop(owner);
    this.#early.delete(owner);
    this.#copies.drop(owner);
  }

  /** What this member has, for another one to compare. */
  inventory(): Uint8Array {
    const { name } = this.#options.channel;
    const sheets = Array.from(this.#copies.all(), ({ owner, version, digest }) => ({ owner, version, digest }));
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
        this.#answers.ask(from, frame.sheets.slice(0, ASK_AT_ONCE));
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
    this.#answers.stop();
    this.#timer?.cancel();
    for (const timer of this.#reminders.values()) timer.cancel();
  }

  readonly #sign = (version: SheetVersion): Uint8Array => this.#options.seals.sign(version.owner, statementOf(version));

  #versionOf(owner: string): number {
    return this.#copies.get(owner)?.version ?? 0;
  }

  #remind(owner: string, [delay, ...further]: readonly number[] = REMINDERS): void {
    this.#reminders.get(owner)?.cancel();
    this.#reminders.delete(owner);
    if (delay === undefined || this.#stopped) return;
    const remind = () => {
      const sheet = this.#copies.get(owner);
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
    const have = this.#versionOf(owner);
    if (!this.#own.has(owner) && from === have && this.#copies.take(delta, payload)) {
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
      const have = this.#versionOf(owner);
      const early = this.#early.get(owner)?.filter(({ version }) => version > have) ?? [];
      if (early.length > 0) this.#early.set(owner, early);
      else this.#early.delete(owner);
      const next = early.find(({ from }) => from === have);
      if (!next || !this.#copies.take(next, encodeFrame(next))) break;
    }
    this.#wishes.fulfil(owner, this.#versionOf(owner));
  }

  #takeMissed(changes: Changes): void {
    const { owner } = changes;
    for (const { delta, payload } of readChanges(changes)) {
      if (delta.owner !== owner || delta.from !== this.#versionOf(owner)) continue;
      if (!this.#isNews(delta) || !this.#isSigned(delta) || !this.#copies.take(delta, payload)) break;
    }
    this.#takeEarly(owner);
    // They lead elsewhere: where two wrote at once, copies of one version differ, and only the whole sheet helps.
    if (this.#wishes.wantWhole(owner)) this.#pump();
  }

  #takePart(part: Part): void {
    const { owner, version, digest, signature } = part;
    if (!this.#isNews(part) || !this.#isSigned(part)) {
      this.#giveUp(owner);
      return;
    }
    const records = this.#assembly.add(part, this.#copies.sizeOf(owner));
    if (records === 'too large') {
      this.#wishes.drop(owner);
      this.#copies.leaveOut(owner);
    }
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

  /** @param sheet signed by its writer */
  #takeWhole(sheet: Sheet): void {
    this.#copies.takeWhole(sheet);
    this.#takeEarly(sheet.owner);
  }

  /** Somebody has this version, or without a signature claims to. */
  #heardOf(
    version: SheetVersion,
    by: string,
    { wait = this.#gapWait(), isSigned }: { wait?: number; isSigned: boolean },
  ): void {
    const { owner } = version;
    if (by === this.#options.channel.name || !this.#copies.isNews(version)) return;
    if (isSigned && this.#own.has(owner)) {
      this.#overtake(version);
      return;
    }
    if (this.#copies.isLeftOut(owner)) return;
    const now = this.#options.clock.now();
    if (this.#wishes.add(owner, { version: version.version, by, isSigned, at: now + wait }, now)) this.#schedule();
  }

  /** What others have of a sheet of ours from an earlier life is no longer so. */
  #overtake(version: SheetVersion): void {
    if (!this.#copies.isNews(version)) return;
    this.#copies.raise(version, this.#sign);
    this.#announce(this.#copies.get(version.owner)!);
  }

  /** Whether there may be such a sheet. */
  #isAcceptable({ owner, version }: SheetVersion): boolean {
    if (owner.length === 0 || owner.length > OWNER_MAX) return false;
    if (version < 1 || version > this.#options.wallClock() + AHEAD_MAX) return false;
    return this.#own.has(owner) || (this.#options.accepts?.(owner) ?? true);
  }

  /** Before anybody looks at its signature, which takes longer. */
  #isNews(version: SheetVersion): boolean {
    return this.#isAcceptable(version) && this.#copies.isNews(version);
  }

  #isSigned(version: SignedVersion): boolean {
    const { seals, refused } = this.#options;
    if (seals.verify(version.owner, statementOf(version), version.signature)) return true;
    refused?.(version.owner);
    return false;
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
        have: whole ? 0 : this.#versionOf(owner),
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

function isSmall({ puts }: Delta): boolean {
  return charactersOf(puts) <= EARLY_CHARACTERS_MAX;
}
