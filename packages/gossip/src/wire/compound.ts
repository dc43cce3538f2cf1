import { TYPE } from './codec.ts';
import { WireError } from './error.ts';
import { COMPOUND_LIMIT } from './limits.ts';

/** Bytes of a compound without its parts. */
export const COMPOUND_HEAD = 2;
/** Bytes that a compound has for each part beside the part. */
export const COMPOUND_PART = 2;

/** Messages in as few compounds as can hold them. A part has at most 65,535 bytes. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array[] {
  const compounds: Uint8Array[] = [];
  for (let i = 0; i < parts.length; i += COMPOUND_LIMIT) compounds.push(join(parts.slice(i, i + COMPOUND_LIMIT)));
  return compounds;
}

/**
 * The parts of a compound, as views of it.
 *
 * @param compound from its type byte on
 * @returns `truncated` counts the parts that run past its end; those before them are given
 * @throws WireError when not even the lengths are whole
 */
export function splitParts(compound: Uint8Array): { parts: Uint8Array[]; truncated: number } {
  const count = compound[1];
  if (count === undefined) throw new WireError('truncated', 'a compound ends before its count');
  let start = COMPOUND_HEAD + COMPOUND_PART * count;
  if (start > compound.length)
    throw new WireError('truncated', `a compound of ${count} parts ends before their lengths`);
  const parts: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const length = (compound[COMPOUND_HEAD + 2 * i]! << 8) | compound[COMPOUND_HEAD + 2 * i + 1]!;
    if (start + length > compound.length) return { parts, truncated: count - i };
    parts.push(compound.subarray(start, start + length));
    start += length;
  }
  return { parts, truncated: 0 };
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const head = COMPOUND_HEAD + COMPOUND_PART * parts.length;
  const compound = new Uint8Array(parts.reduce((sum, part) => sum + part.length, head));
  compound[0] = TYPE.compound;
  compound[1] = parts.length;
  let start = head;
  for (const [i, part] of parts.entries()) {
    if (part.length > 0xffff)
      throw new WireError('too-large', `a part of ${part.length} bytes is too long for a compound`);
    compound[COMPOUND_HEAD + 2 * i] = part.length >>> 8;
    compound[COMPOUND_HEAD + 2 * i + 1] = part.length;
    compound.set(part, start);
    start += part.length;
  }
  return compound;
}
