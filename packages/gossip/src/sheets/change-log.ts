import type { SheetDelta } from './sheet.ts';

interface Change {
  readonly from: number;
  readonly version: number;
  readonly payload: Uint8Array;
}

/** Bytes of changes that are kept: of each sheet, and of all together. */
const SHEET_BYTES_MAX = 256 * 1024;
const BYTES_MAX = 16 * 1024 * 1024;

/** The last changes of each sheet as they were told, for whoever missed a few: cheaper than the whole sheet. */
export class ChangeLog {
  /** The sheet that changed last is the last. */
  readonly #changes = new Map<string, { list: Change[]; bytes: number }>();
  #bytes = 0;

  add({ owner, from, version }: SheetDelta, payload: Uint8Array): void {
    const last = this.#changes.get(owner)?.list.at(-1);
    if (last && last.version !== from) this.drop(owner);
    const log = this.#changes.get(owner) ?? { list: [], bytes: 0 };
    const before = log.bytes;
    // A copy: the payload may be a small part of a large frame.
    log.list.push({ from, version, payload: new Uint8Array(payload) });
    log.bytes += payload.length;
    while (log.bytes > SHEET_BYTES_MAX) log.bytes -= log.list.shift()!.payload.length;
    this.#bytes += log.bytes - before;
    this.#changes.delete(owner);
    this.#changes.set(owner, log);
    while (this.#bytes > BYTES_MAX) this.drop(this.#changes.keys().next().value!);
  }

  /** What leads from a version to the newest one; `null` when that is not known. */
  since(owner: string, have: number, newest: number): Uint8Array[] | null {
    const list = this.#changes.get(owner)?.list ?? [];
    const start = list.findIndex(({ from }) => from === have);
    if (start < 0 || have === 0 || list.at(-1)!.version !== newest) return null;
    return list.slice(start).map(({ payload }) => payload);
  }

  drop(owner: string): void {
    this.#bytes -= this.#changes.get(owner)?.bytes ?? 0;
    this.#changes.delete(owner);
  }
}
