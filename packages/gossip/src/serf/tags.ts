import { map, string } from '../wire/kinds.ts';
import { Reader, Writer } from '../wire/msgpack.ts';

/** What a node says about itself, such as its role. */
export type Tags = Readonly<Record<string, string>>;

/** Stands before encoded tags; without it the bytes are one tag, `role`, as in the first versions of Serf. */
const MAGIC = 0xff;

/** Bytes that a node's tags may take. */
const LIMIT = 512;

const codec = map(string);
const writer = new Writer();

/** @throws Error when they take more than 512 bytes */
export function encodeTags(tags: Tags): Uint8Array {
  writer.reset();
  writer.byte(MAGIC);
  codec.write(writer, new Map(Object.entries(tags).sort(([one], [other]) => (one < other ? -1 : 1))));
  const meta = writer.finish();
  if (meta.length > LIMIT) {
    throw new Error(
      `the tags take ${meta.length} bytes; all nodes together carry them around, so ${LIMIT} are allowed`,
    );
  }
  return meta;
}

/** @returns no tags when they cannot be read */
export function decodeTags(meta: Uint8Array): Tags {
  if (meta[0] !== MAGIC) return { role: new TextDecoder().decode(meta) };
  try {
    return Object.fromEntries(codec.read(new Reader(meta, 1)));
  } catch {
    return {};
  }
}
