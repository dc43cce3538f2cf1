import type { Clock } from '../world.ts';
import { ChangeLog } from './change-log.ts';
import { type Delta, encodeFrame } from './frame.ts';
import { Sheet, type SheetDelta, type SheetSize, type SheetVersion } from './sheet.ts';

/** A sheet that changed here; `gone`: there is none any more. */
export interface SheetChange {
  readonly owner: string;
  /** After the change; of one that is gone, the last. */
  readonly version: number;
  readonly puts: ReadonlyMap<string, string>;
  readonly deletes: readonly string[];
  readonly gone: boolean;
}

export interface CopiesOptions {
  readonly clock: Clock;
  /** Told of each change. */
  readonly changed: (change: SheetChange) => void;
  /** How large the sheet of an owner may be; 20,000 records and 16 Mi characters unless told otherwise. */
  readonly sizeOf?: (owner: string) => SheetSize;
  /** How many records are kept, of all sheets together; 200,000 unless told otherwise. */
  readonly limit?: number;
}

/** Characters of one record, key and text together: with a longer one a sheet is taken by nobody. */
export const SHEET_RECORD_MAX = 64 * 1024;
const LIMIT = 200_000;
const SIZE: SheetSize = { records: 20_000, characters: 16 * 1024 * 1024 };
/** How long nobody is asked for a sheet that was larger than it may be, ms. */
const LEFT_OUT = 60_000;

/** The sheets that this member has, within their bounds, and the last changes of each. Who wrote them was looked at before. */
export class Copies {
  readonly #options: CopiesOptions;
  readonly #limit: number;
  readonly #sheets = new Map<string, Sheet>();
  readonly #log = new ChangeLog();
  /** How many records more each would have needed. */
  readonly #overflow = new Map<string, number>();
  /** Those larger than they may be, and until when they are not asked for, ms. */
  readonly #tooLarge = new Map<string, number>();
  #records = 0;

  constructor(options: CopiesOptions) {
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

  sizeOf(owner: string): SheetSize {
    return this.#options.sizeOf?.(owner) ?? SIZE;
  }

  /** Whether it is newer than what is here. */
  isNews({ owner, version, digest }: SheetVersion): boolean {
    const before = this.#sheets.get(owner);
    if (!before || version > before.version) return true;
    return version === before.version && digest > before.digest;
  }

  /** The changes that lead from a version to the newest one, as they were told; `null` when that is not known. */
  since(owner: string, have: number): Uint8Array[] | null {
    const sheet = this.#sheets.get(owner);
    return sheet ? this.#log.since(owner, have, sheet.version) : null;
  }

  /** Changes a sheet of this member's own. @returns how it is told */
  write(
    owner: string,
    version: number,
    change: Pick<SheetDelta, 'puts' | 'deletes'>,
    sign: (version: SheetVersion) => Uint8Array,
  ): { delta: Delta; payload: Uint8Array } {
    const sheet = this.#sheets.get(owner) ?? new Sheet(owner);
    this.#sheets.set(owner, sheet);
    const before = sheet.size.records;
    const delta: Delta = { type: 'delta', ...sheet.write(version, change, sign) };
    this.#records += sheet.size.records - before;
    const payload = encodeFrame(delta);
    this.#log.add(delta, payload);
    this.#options.changed({ owner, version, ...change, gone: false });
    return { delta, payload };
  }

  /** @returns false when it does not lead to the version that it names, or there is no room */
  take(delta: Delta, payload: Uint8Array): boolean {
    const { owner, version, puts, deletes } = delta;
    const sheet = this.#sheets.get(owner) ?? new Sheet(owner);
    const size = sheet.sizeAfter(delta);
    const more = size.records - sheet.size.records;
    if (!this.#isWithin(owner, size, puts) || !this.#hasRoom(owner, more) || !sheet.apply(delta)) return false;
    this.#sheets.set(owner, sheet);
    this.#records += more;
    this.#log.add(delta, payload);
    this.#options.changed({ owner, version, puts, deletes, gone: false });
    return true;
  }

  takeWhole(sheet: Sheet): void {
    const { owner, version, size, records } = sheet;
    const before = this.#sheets.get(owner);
    const more = size.records - (before?.size.records ?? 0);
    if (!this.isNews(sheet) || !this.#isWithin(owner, size, records) || !this.#hasRoom(owner, more)) return;
    this.#overflow.delete(owner);
    this.#tooLarge.delete(owner);
    this.#log.drop(owner);
    this.#sheets.set(owner, sheet);
    this.#records += more;
    const difference = (before ?? new Sheet(owner)).difference(records) ?? { puts: new Map(), deletes: [] };
    this.#options.changed({ owner, version, ...difference, gone: false });
  }

  /** Raises the version of a sheet of this member's own above one that others have. */
  raise({ owner, version }: SheetVersion, sign: (version: SheetVersion) => Uint8Array): void {
    this.#log.drop(owner);
    this.#sheets.get(owner)?.write(version + 1, { puts: new Map(), deletes: [] }, sign);
  }

  /** Its writer made it larger than it may be; it is looked at again after a while. */
  leaveOut(owner: string): void {
    this.#tooLarge.set(owner, this.#options.clock.now() + LEFT_OUT);
  }

  /** Whether there is no room for it now. */
  isLeftOut(owner: string): boolean {
    if ((this.#tooLarge.get(owner) ?? 0) > this.#options.clock.now()) return true;
    return this.#records + (this.#overflow.get(owner) ?? 0) > this.#limit;
  }

  drop(owner: string): void {
    const sheet = this.#sheets.get(owner);
    this.#overflow.delete(owner);
    this.#tooLarge.delete(owner);
    this.#log.drop(owner);
    if (!sheet) return;
    this.#sheets.delete(owner);
    this.#records -= sheet.size.records;
    const deletes = [...sheet.records.keys()];
    this.#options.changed({ owner, version: sheet.version, puts: new Map(), deletes, gone: true });
  }

  #isWithin(owner: string, size: SheetSize, records: ReadonlyMap<string, string>): boolean {
    const most = this.sizeOf(owner);
    if (size.records > most.records || size.characters > most.characters) return false;
    for (const [key, value] of records) if (key.length + value.length > SHEET_RECORD_MAX) return false;
    return true;
  }

  /** @param more records than are kept of it */
  #hasRoom(owner: string, more: number): boolean {
    if (more <= 0 || this.#records + more <= this.#limit) return true;
    this.#overflow.set(owner, more);
    return false;
  }
}
