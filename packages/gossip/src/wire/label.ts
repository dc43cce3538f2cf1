import { TYPE } from './codec.ts';
import { WireError } from './error.ts';

const HEAD = 2;
const NONE = Buffer.alloc(0);

/** @returns how many bytes the header of a label has; none has no header */
export function labelOverhead(label: string): number {
  return label === '' ? 0 : HEAD + Buffer.byteLength(label);
}

/** Bytes of a label, at most 255. */
export function labelBytes(label: string): Buffer {
  if (label === '') return NONE;
  const text = Buffer.from(label);
  if (text.length > 255) throw new WireError('label', `the label has ${text.length} bytes, the most is 255`);
  return text;
}

/** Puts a label before a packet or a stream. No label is no header. */
export function addLabel(label: string, bytes: Uint8Array): Uint8Array {
  if (label === '') return bytes;
  const text = labelBytes(label);
  const whole = new Uint8Array(HEAD + text.length + bytes.length);
  whole[0] = TYPE.label;
  whole[1] = text.length;
  whole.set(text, HEAD);
  whole.set(bytes, HEAD + text.length);
  return whole;
}

/**
 * @param label the one that must stand there; when it is empty there must be no header
 * @returns what is behind the header, a view
 */
export function removeLabel(label: string, bytes: Uint8Array): Uint8Array {
  const found = readLabel(bytes);
  if (!labelBytes(label).equals(found)) {
    throw new WireError('label', `it is for ${describe(found.toString())}, this is ${describe(label)}`);
  }
  return bytes.subarray(labelOverhead(label));
}

/** @returns empty when there is no header */
function readLabel(bytes: Uint8Array): Buffer {
  if (bytes[0] !== TYPE.label) return NONE;
  const length = bytes[1];
  if (length === undefined || bytes.length < HEAD + length) throw new WireError('truncated', 'a label ends too early');
  if (length === 0) throw new WireError('label', 'the header of a label has none');
  return Buffer.from(bytes.buffer, bytes.byteOffset + HEAD, length);
}

function describe(label: string): string {
  return label === '' ? 'a cluster without a label' : `the cluster ${JSON.stringify(label)}`;
}
