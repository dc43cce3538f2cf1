import type { Kind } from './kinds.ts';

/**
 * The six version bytes of a node. Nearly all nodes of a cluster have the same, so what equals the one read before is
 * given as the same array: with a hundred thousand nodes this is most of what their states would take.
 */
export const vsn: Kind<Uint8Array> = {
  zero: new Uint8Array(0),
  read(reader) {
    const read = reader.raw();
    if (read.length !== 6) return read;
    if (!equal(read, last)) last = read;
    return last;
  },
  write: (writer, value) => writer.raw(value),
};

let last: Uint8Array = vsn.zero;

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, i) => byte === other[i]);
}
