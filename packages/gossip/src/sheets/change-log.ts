import type { SheetDelta } from './sheet.ts';

interface Change {
  readonly from: number;
  readonly version: number;
  readonly payload: Uint8Array;
}

/** Of each sheet, bytes of changes that are kept. */
const BYTES_MAX = 256 * 1024;

/** The last changes of each sheet as they were told, for whoever missed a few: cheaper than the whole sheet. */
export class ChangeLog {
  readonly #changes = new Map<string, { list: Change[]; bytes: number }>();

  add({ owner, from, version }: SheetDelta, payload: Uint8Array): void {
    const log = this.#changes.get(owner) ?? { list: [], bytes: 0 };
    if (log.list.length > 0 && log.list.at(-1)!.version !== from) {
      log.list = [];
      log.bytes = 0;
    }
    log.list.push({ from, version, payload });
    log.bytes += payload.length;
    while (log.bytes > BYTES_MAX) log.bytes -= log.list.shift()!.payload.length;
    this.#changes.set(owner, log);
  }

  /** What leads from a version to the newest one; `null` when that is not known. */
  since(owner: string, have: number, newest: number): Uint8Array[] | null {
    const list = this.#changes.get(owner)?.list ?? [];
    const start = list.findIndex(({ from }) => from === have);
    if (start < 0 || have === 0 || list.at(-1)!.version !== newest) return null;
    return list.slice(start).map(({ payload }) => payload);
  }

  drop(owner: string): void {
    this.#changes.delete(owner);
  }
}
