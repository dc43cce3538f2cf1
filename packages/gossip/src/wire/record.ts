import type { Kind } from './kinds.ts';
import type { Reader, Writer } from './msgpack.ts';

/** A kind for each property. */
export type Fields<T> = { readonly [Property in keyof T]-?: Kind<T[Property]> };

/**
 * A record: a map from the names of fields to their values. On the wire a field is named as its property with a capital
 * first letter, or as `names` says. Fields are written in the order of their names, which is how the reference does it;
 * they are read in any order, unknown ones are passed over, and missing ones have the zero of their kind.
 *
 * @param constants properties that are not on the wire
 */
export function record<T extends object, Constants extends object = object>(
  fields: Fields<T>,
  { names = {}, constants }: { names?: { readonly [Property in keyof T]?: string }; constants?: Constants } = {},
): Kind<T & Constants> {
  const kinds = fields as Record<string, Kind<unknown>>;
  const table = Object.entries(kinds)
    .map(([property, kind]) => field(property, (names as Record<string, string>)[property] ?? capital(property), kind))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const zero: Values = { ...constants };
  for (const { property, kind } of table) zero[property] = kind.zero;
  const optional = table.some(({ kind }) => kind.omits !== undefined);
  return {
    zero: zero as T & Constants,
    read: (reader) => readRecord(table, zero, reader) as T & Constants,
    write: (writer, value) => writeRecord(table, optional, writer, value as Values),
  };
}

type Values = Record<string, unknown>;

interface Field {
  readonly property: string;
  readonly name: string;
  /** The name in bytes, to compare with those of the wire. */
  readonly key: Uint8Array;
  readonly kind: Kind<unknown>;
}

function field(property: string, name: string, kind: Kind<unknown>): Field {
  return { property, name, key: new TextEncoder().encode(name), kind };
}

function capital(property: string): string {
  return property.charAt(0).toUpperCase() + property.slice(1);
}

function readRecord(table: readonly Field[], zero: Values, reader: Reader): Values {
  const value = { ...zero };
  const pairs = reader.mapHeader();
  let next = 0;
  for (let i = 0; i < pairs; i++) {
    const length = reader.rawHeader();
    const place = find(table, next, reader.bytes, reader.position, length);
    reader.position += length;
    if (place < 0) {
      reader.skip();
    } else {
      const { property, kind } = table[place]!;
      value[property] = kind.read(reader);
      next = place + 1;
    }
  }
  return value;
}

/** The place of a key in the table. Most senders keep the order, so it is looked for behind the one before. */
function find(table: readonly Field[], next: number, bytes: Uint8Array, start: number, length: number): number {
  const { length: size } = table;
  for (let i = 0, place = next; i < size; i++, place++) {
    if (place >= size) place -= size;
    if (equals(table[place]!.key, bytes, start, length)) return place;
  }
  return -1;
}

function equals(key: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key[i] !== bytes[start + i]) return false;
  return true;
}

function writeRecord(table: readonly Field[], optional: boolean, writer: Writer, value: Values): void {
  writer.mapHeader(optional ? table.filter((one) => !isOmitted(one, value)).length : table.length);
  for (const one of table) {
    if (optional && isOmitted(one, value)) continue;
    writer.raw(one.key);
    one.kind.write(writer, value[one.property]);
  }
}

function isOmitted({ kind, property }: Field, value: Values): boolean {
  return kind.omits?.(value[property]) ?? false;
}
