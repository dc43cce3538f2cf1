import { addChecksum, checkChecksum } from './checksum.ts';
import { decodeMessage, TYPE, typeOf } from './codec.ts';
import { joinParts, splitParts } from './compound.ts';
import { pack, unpack } from './compression.ts';
import { WireError } from './error.ts';
import { type EncryptionVersion, encryptionOverhead, type Keyring } from './keyring.ts';
import { addLabel, labelBytes, labelOverhead, removeLabel } from './label.ts';
import { COMPOUND_LIMIT, EXPANDED_PACKET_LIMIT, NESTING_LIMIT, PACKET_LIMIT, PACKET_PARTS_LIMIT } from './limits.ts';
import type { PacketMessage } from './message.ts';

/** How packets and streams of a cluster are written. */
export interface SealOptions {
  /** Of the cluster; empty for none. */
  readonly label: string;
  readonly keyring: Keyring | null;
  readonly compress: boolean;
  /** False: send in plain in spite of the keyring, while a live cluster gets its first key. */
  readonly verifyOutgoing: boolean;
  /** @default 1 */
  readonly encryptionVersion?: EncryptionVersion;
}

/** How packets and streams of a cluster are read. */
export interface OpenOptions {
  readonly label: string;
  readonly keyring: Keyring | null;
  /** False: read what is not encrypted in spite of the keyring, while a live cluster gets its first key. */
  readonly verifyIncoming: boolean;
}

/**
 * One packet of one message or more. It may be the only part itself, so leave that as it is.
 *
 * @param parts encoded messages, at most 255
 * @param options with `checksum` for a receiver that speaks protocol 5
 */
export function sealPacket(
  parts: readonly Uint8Array[],
  {
    label,
    keyring,
    compress,
    checksum,
    verifyOutgoing,
    encryptionVersion,
  }: SealOptions & { readonly checksum: boolean },
): Uint8Array {
  let packet = parts.length === 1 ? parts[0]! : compound(parts);
  if (compress) {
    const packed = pack(packet);
    if (packed.length < packet.length) packet = packed;
  }
  if (checksum) packet = addChecksum(packet);
  if (keyring && verifyOutgoing) packet = keyring.seal(packet, labelBytes(label), encryptionVersion);
  packet = addLabel(label, packet);
  if (packet.length > PACKET_LIMIT) throw new WireError('too-large', `a packet cannot have ${packet.length} bytes`);
  return packet;
}

/**
 * @returns how many bytes a packet's layers add at most to its messages, by label and encryption. A compound adds two, and
 *   two for each part. The five of a checksum are not counted: the reference adds them on top of its limit.
 */
export function packetOverhead({
  label,
  keyring,
  verifyOutgoing,
  encryptionVersion,
}: Omit<SealOptions, 'compress'>): number {
  return labelOverhead(label) + (keyring && verifyOutgoing ? encryptionOverhead(encryptionVersion) : 0);
}

/**
 * The messages of a packet, in order. A part of a compound that is no good is left out and told to `dropped`; the rest of
 * them counts.
 *
 * @param bytes may be used again afterwards: what is given shares nothing with them
 * @throws WireError when nothing of it can be used
 */
export function openPacket(
  bytes: Uint8Array,
  { label, keyring, verifyIncoming, dropped }: OpenOptions & { readonly dropped?: (error: WireError) => void },
): PacketMessage[] {
  if (bytes.length > PACKET_LIMIT) throw new WireError('too-large', `a packet cannot have ${bytes.length} bytes`);
  let packet = removeLabel(label, bytes);
  if (keyring) packet = decrypt(keyring, packet, label, verifyIncoming);
  if (packet[0] === TYPE.checksum) packet = checkChecksum(packet);
  const opening: Opening = { messages: [], parts: 0, expandable: EXPANDED_PACKET_LIMIT, dropped };
  read(packet, opening, 0);
  return opening.messages;
}

function decrypt(keyring: Keyring, packet: Uint8Array, label: string, verifyIncoming: boolean): Uint8Array {
  try {
    return keyring.open(packet, labelBytes(label));
  } catch (error) {
    if (verifyIncoming) throw error;
    return packet;
  }
}

/** What has been read of one packet, and what may still be: over all that is inside one another in it. */
interface Opening {
  readonly messages: PacketMessage[];
  parts: number;
  expandable: number;
  readonly dropped: ((error: WireError) => void) | undefined;
}

function read(bytes: Uint8Array, opening: Opening, depth: number): void {
  if (depth > NESTING_LIMIT) throw new WireError('malformed', `it is nested more than ${NESTING_LIMIT} deep`);
  switch (typeOf(bytes)) {
    case TYPE.compressed: {
      const limit = opening.expandable;
      // Nothing more after one that failed, for it may have cost all there was.
      opening.expandable = 0;
      const expanded = unpack(bytes, limit);
      opening.expandable = limit - expanded.length;
      read(expanded, opening, depth + 1);
      break;
    }
    case TYPE.compound:
      readParts(bytes, opening, depth + 1);
      break;
    default:
      opening.messages.push(decodeMessage(bytes));
  }
}

function readParts(compound: Uint8Array, opening: Opening, depth: number): void {
  const { parts, truncated } = splitParts(compound);
  for (const part of parts) {
    if (++opening.parts > PACKET_PARTS_LIMIT) {
      throw new WireError('too-many-parts', `a packet may have ${PACKET_PARTS_LIMIT} parts`);
    }
    try {
      read(part, opening, depth);
    } catch (error) {
      if (!(error instanceof WireError) || error.reason === 'too-many-parts') throw error;
      opening.dropped?.(error);
    }
  }
  if (truncated > 0)
    opening.dropped?.(new WireError('truncated', `the last ${truncated} parts of a compound are missing`));
}

function compound(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 0 || parts.length > COMPOUND_LIMIT) {
    throw new WireError('too-many-parts', `a packet has 1 to ${COMPOUND_LIMIT} messages, not ${parts.length}`);
  }
  return joinParts(parts)[0]!;
}
