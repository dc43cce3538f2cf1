import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { WireError } from '../wire/error.ts';
import { bytes, type Kind, list, map, string, u32, u64 } from '../wire/kinds.ts';
import { Reader, Writer } from '../wire/msgpack.ts';
import { record } from '../wire/record.ts';
import type { SheetDelta, SheetVersion, SignedVersion } from './sheet.ts';

/** What members tell one another of sheets. */
export type Frame = Delta | Head | Want | Changes | Part;

/** What an owner changed. */
export interface Delta extends SheetDelta {
  readonly type: 'delta';
}

/** That there is a newer version, where the change is too large to be told to all. */
export interface Head extends SignedVersion {
  readonly type: 'head';
}

/** Asks for newer versions than the asker has. */
export interface Want {
  readonly type: 'want';
  readonly sheets: readonly { readonly owner: string; readonly have: number }[];
}

/** The changes that the asker missed, as their owner told them. */
export interface Changes {
  readonly type: 'changes';
  readonly owner: string;
  /** Frames of the type `delta`, oldest first. */
  readonly deltas: readonly Uint8Array[];
}

/** A part of a whole sheet: number `index` of `total`. */
export interface Part extends SignedVersion {
  readonly type: 'part';
  readonly index: number;
  readonly total: number;
  readonly puts: ReadonlyMap<string, string>;
}

/** What a member has, for another one to compare. */
export interface Inventory {
  readonly from: string;
  readonly sheets: readonly SheetVersion[];
}

/** A frame may expand to this, bytes. */
const EXPANDED_MAX = 4 * 1024 * 1024;
const INVENTORY_MAX = 8 * 1024 * 1024;

const version = { owner: string, version: u64, digest: string };
const signed = { ...version, signature: bytes };
const FRAMES = {
  delta: record<Omit<Delta, 'type'>>({
    ...signed,
    from: u64,
    puts: map(string),
    deletes: list(string),
  }),
  head: record<Omit<Head, 'type'>>(signed),
  want: record<Omit<Want, 'type'>>({ sheets: list(record({ owner: string, have: u64 })) }),
  changes: record<Omit<Changes, 'type'>>({ owner: string, deltas: list(bytes) }),
  part: record<Omit<Part, 'type'>>({ ...signed, index: u32, total: u32, puts: map(string) }),
};
const inventory = record<Inventory>({ from: string, sheets: list(record<SheetVersion>(version)) });

const TYPES = ['delta', 'head', 'want', 'changes', 'part'] as const;

/** One byte for its type, then the frame as msgpack, deflated. */
export function encodeFrame(frame: Frame): Uint8Array {
  const body = packed(FRAMES[frame.type] as Kind<Frame>, frame);
  return Buffer.concat([Uint8Array.of(TYPES.indexOf(frame.type)), body]);
}

/** @throws WireError for whatever is no frame */
export function decodeFrame(payload: Uint8Array): Frame {
  const type = TYPES[payload[0] ?? TYPES.length];
  if (type === undefined) throw new WireError('unknown-type', `a frame of sheets begins with ${payload[0]}`);
  const frame = read(FRAMES[type] as Kind<object>, expanded(payload.subarray(1), EXPANDED_MAX));
  return { type, ...frame } as Frame;
}

/**
 * Reads the changes that were asked for, one after the other. Together they expand to no more than one frame.
 *
 * @throws WireError for whatever is no change
 */
export function* readChanges({ deltas }: Changes): Generator<{ readonly delta: Delta; readonly payload: Uint8Array }> {
  let left = EXPANDED_MAX;
  for (const payload of deltas) {
    if (payload[0] !== TYPES.indexOf('delta')) throw new WireError('unknown-type', 'a change of a sheet is none');
    const plain = expanded(payload.subarray(1), left);
    left -= plain.length;
    yield { delta: { type: 'delta', ...read(FRAMES.delta, plain) }, payload };
  }
}

export function encodeInventory(of: Inventory): Uint8Array {
  return packed(inventory, of);
}

/** @throws WireError */
export function decodeInventory(state: Uint8Array): Inventory {
  return read(inventory, expanded(state, INVENTORY_MAX));
}

const writer = new Writer();

function packed<T>(kind: Kind<T>, value: T): Buffer {
  writer.reset();
  kind.write(writer, value);
  return deflateRawSync(writer.finish());
}

function expanded(packedBytes: Uint8Array, limit: number): Uint8Array {
  try {
    return inflateRawSync(packedBytes, { maxOutputLength: limit });
  } catch (error) {
    throw new WireError('malformed', `a frame of sheets cannot be expanded: ${(error as Error).message}`);
  }
}

function read<T>(kind: Kind<T>, plain: Uint8Array): T {
  return kind.read(new Reader(plain, 0));
}
