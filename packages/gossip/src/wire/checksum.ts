import { crc32 } from 'node:zlib';
import { TYPE } from './codec.ts';
import { WireError } from './error.ts';

const HEAD = 5;

/** Puts a CRC-32 (IEEE) before a packet. */
export function addChecksum(packet: Uint8Array): Uint8Array {
  const whole = new Uint8Array(HEAD + packet.length);
  whole[0] = TYPE.checksum;
  const sum = crc32(packet);
  for (let i = 1; i < HEAD; i++) whole[i] = sum >>> (8 * (HEAD - 1 - i));
  whole.set(packet, HEAD);
  return whole;
}

/**
 * @param packet from the type byte of the checksum on
 * @returns what is behind the checksum, a view
 */
export function checkChecksum(packet: Uint8Array): Uint8Array {
  if (packet.length < HEAD) throw new WireError('truncated', 'a checksum ends too early');
  const rest = packet.subarray(HEAD);
  const claimed = ((packet[1]! << 24) | (packet[2]! << 16) | (packet[3]! << 8) | packet[4]!) >>> 0;
  if (crc32(rest) !== claimed) throw new WireError('checksum', 'the checksum is not that of what follows it');
  return rest;
}
