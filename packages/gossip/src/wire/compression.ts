import { TYPE } from './codec.ts';
import { WireError } from './error.ts';
import { bytes, u8 } from './kinds.ts';
import { compress, expand } from './lzw.ts';
import { Reader, Writer } from './msgpack.ts';
import { record } from './record.ts';

const LZW = 0;

const compressed = record<{ algo: number; buf: Uint8Array }>({ algo: u8, buf: bytes });

const writer = new Writer();

/** A message that holds another one, compressed; it may be longer. */
export function pack(message: Uint8Array): Uint8Array {
  writer.reset();
  writer.byte(TYPE.compressed);
  compressed.write(writer, { algo: LZW, buf: compress(message) });
  return writer.finish();
}

/**
 * @param message from its type byte on
 * @param limit most bytes that it may expand to
 */
export function unpack(message: Uint8Array, limit: number): Uint8Array {
  const { algo, buf } = compressed.read(new Reader(message, 1));
  if (algo !== LZW) throw new WireError('unknown-algorithm', `it is compressed with the unknown algorithm ${algo}`);
  return expand(buf, limit);
}
