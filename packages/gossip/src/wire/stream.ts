import type { Measure } from '../transport.ts';
import { decodeStreamMessage, readStateHeader, readUserHeader, TYPE, typeOf, unknownType } from './codec.ts';
import { pack, unpack } from './compression.ts';
import { WireError } from './error.ts';
import { sealedLength } from './keyring.ts';
import { addLabel, labelBytes, labelOverhead, removeLabel } from './label.ts';
import { EXPANDED_STREAM_LIMIT, NODE_BYTES, STREAM_LIMIT } from './limits.ts';
import type { StreamMessage } from './message.ts';
import { Reader } from './msgpack.ts';
import type { OpenOptions, SealOptions } from './packet.ts';
import { Skipper } from './skipper.ts';

/** Type byte and length of what is encrypted; they are authenticated with it. */
const ENCRYPTED_HEAD = 5;

/** Whether this side opened the connection: only that one sends the header of the label. */
export interface StreamSide {
  readonly dialling: boolean;
}

/** @param message as `encodeStreamMessage` gives it */
export function sealStream(
  message: Uint8Array,
  { label, keyring, compress, verifyOutgoing, encryptionVersion, dialling }: SealOptions & StreamSide,
): Uint8Array {
  // As the reference does it: compressed whenever compression is on, even when that is longer.
  let stream = compress ? pack(message) : message;
  if (keyring && verifyOutgoing) {
    const head = encryptedHead(sealedLength(stream.length, encryptionVersion));
    stream = join(head, keyring.seal(stream, join(head, labelBytes(label)), encryptionVersion));
  }
  if (dialling) stream = addLabel(label, stream);
  if (stream.length > STREAM_LIMIT) {
    throw new WireError('too-large', `a stream of ${stream.length} bytes is too long, the most is ${STREAM_LIMIT}`);
  }
  return stream;
}

/**
 * The message of a whole stream.
 *
 * @param bytes all that came; may be used again afterwards, for what is given shares nothing with them
 */
export function openStream(bytes: Uint8Array, options: OpenOptions & StreamSide): StreamMessage {
  let stream = removeLabel(expectedLabel(options), bytes);
  const encrypted = typeOf(stream) === TYPE.encrypted;
  refuseEncryption(encrypted, options);
  if (encrypted) stream = decrypt(stream, options);
  if (typeOf(stream) === TYPE.compressed) stream = unpack(stream, EXPANDED_STREAM_LIMIT);
  return decodeStreamMessage(stream);
}

/**
 * Tells when a stream is whole, for one stream. It reads on where it stopped, and refuses what could not be opened as
 * early as it can: another cluster's label, plain bytes where a key is set, lengths over the limits.
 */
export function measureStream(options: OpenOptions & StreamSide): Measure {
  const walk = walkStream(options);
  walk.next();
  return (bytes) => walk.next(bytes).value ?? true;
}

/** Is given all bytes so far at each step, and yields the least length with which to go on. */
function* walkStream(options: OpenOptions & StreamSide): Generator<number, undefined, Uint8Array> {
  let bytes = yield* until(1, new Uint8Array(0));
  if (bytes[0] === TYPE.label) {
    bytes = yield* until(2, bytes);
    bytes = yield* until(2 + bytes[1]!, bytes);
  }
  const label = expectedLabel(options);
  removeLabel(label, bytes);
  const start = labelOverhead(label);
  bytes = yield* until(start + 1, bytes);
  const type = bytes[start]!;
  refuseEncryption(type === TYPE.encrypted, options);

  const body = start + 1;
  switch (type) {
    case TYPE.encrypted: {
      bytes = yield* until(start + ENCRYPTED_HEAD, bytes);
      yield* until(start + ENCRYPTED_HEAD + encryptedLength(bytes.subarray(start)), bytes);
      return;
    }
    case TYPE.compressed:
    case TYPE.ping:
    case TYPE.ack:
    case TYPE.error:
      yield* pass(new Skipper(1, body), bytes);
      return;
    case TYPE.user: {
      bytes = yield* pass(new Skipper(1, body), bytes);
      const reader = new Reader(bytes, body);
      const length = readUserHeader(reader);
      yield* until(reader.position + length, bytes);
      return;
    }
    case TYPE.pushPull: {
      bytes = yield* pass(new Skipper(1, body), bytes);
      const reader = new Reader(bytes, body);
      const { nodes, userStateLen } = readStateHeader(reader);
      bytes = yield* until(reader.position + nodes * NODE_BYTES + userStateLen, bytes);
      const skipper = new Skipper(nodes, reader.position);
      bytes = yield* pass(skipper, bytes);
      yield* until(skipper.position + userStateLen, bytes);
      return;
    }
    default:
      throw unknownType(bytes.subarray(start), 'a stream');
  }
}

function* until(length: number, bytes: Uint8Array): Generator<number, Uint8Array, Uint8Array> {
  if (length > STREAM_LIMIT) throw new WireError('too-large', `a stream may have ${STREAM_LIMIT} bytes, not ${length}`);
  while (bytes.length < length) bytes = yield length;
  return bytes;
}

function* pass(skipper: Skipper, bytes: Uint8Array): Generator<number, Uint8Array, Uint8Array> {
  for (;;) {
    const least = skipper.advance(bytes, STREAM_LIMIT);
    if (least === true) return bytes;
    bytes = yield least;
  }
}

function expectedLabel({ label, dialling }: OpenOptions & StreamSide): string {
  return dialling ? '' : label;
}

function refuseEncryption(encrypted: boolean, { keyring, verifyIncoming }: OpenOptions): void {
  if (encrypted && !keyring) throw new WireError('encryption', 'the stream is encrypted, and here no key is set');
  if (!encrypted && keyring && verifyIncoming) {
    throw new WireError('encryption', 'the stream is not encrypted, and here a key is set');
  }
}

/** @param stream from the type byte of what is encrypted on */
function decrypt(stream: Uint8Array, { label, keyring }: OpenOptions): Uint8Array {
  if (stream.length < ENCRYPTED_HEAD) throw new WireError('truncated', 'what is encrypted ends before its length');
  const end = ENCRYPTED_HEAD + encryptedLength(stream);
  if (end > stream.length) throw new WireError('truncated', 'what is encrypted ends too early');
  const head = stream.subarray(0, ENCRYPTED_HEAD);
  return keyring!.open(stream.subarray(ENCRYPTED_HEAD, end), join(head, labelBytes(label)));
}

function encryptedHead(length: number): Uint8Array {
  return Uint8Array.of(TYPE.encrypted, length >>> 24, length >>> 16, length >>> 8, length);
}

function encryptedLength(stream: Uint8Array): number {
  return ((stream[1]! << 24) | (stream[2]! << 16) | (stream[3]! << 8) | stream[4]!) >>> 0;
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const joined = new Uint8Array(one.length + other.length);
  joined.set(one);
  joined.set(other, one.length);
  return joined;
}
