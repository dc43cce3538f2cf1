import { WireError } from './error.ts';
import type { Reader, Writer } from './msgpack.ts';

/** One kind of value on the wire: how it is read and written, and what stands for it when it is missing. */
export interface Kind<T> {
  readonly zero: T;
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
  /** Whether a field with this value is left out; without it none is. */
  omits?(value: T): boolean;
}

/** Numbers up to 2^53 - 1; longer ones are refused, though the wire has room for them. */
export const u64 = number(Number.MAX_SAFE_INTEGER);
export const u32 = number(0xffff_ffff);
export const u16 = number(0xffff);
export const u8 = number(0xff);

export const bool: Kind<boolean> = {
  zero: false,
  read: (reader) => reader.bool(),
  write: (writer, value) => writer.bool(value),
};

export const string: Kind<string> = {
  zero: '',
  read: (reader) => reader.string(),
  write: (writer, value) => writer.string(value),
};

export const bytes: Kind<Uint8Array> = {
  zero: new Uint8Array(0),
  read: (reader) => reader.raw(),
  write: (writer, value) => writer.raw(value),
};

export function nullable<T>(kind: Kind<T>): Kind<T | null> {
  return {
    zero: null,
    read: (reader) => (reader.nil() ? null : kind.read(reader)),
    write(writer, value) {
      if (value === null) writer.nil();
      else kind.write(writer, value);
    },
  };
}

/** Left out when undefined, zero or empty. */
export function optional<T extends number | string | Uint8Array>(kind: Kind<T>): Kind<T | undefined> {
  return {
    zero: undefined,
    read: (reader) => kind.read(reader),
    write: (writer, value) => kind.write(writer, value ?? kind.zero),
    omits: (value) => (typeof value === 'object' ? value.length === 0 : !value),
  };
}

/** Nil is the empty list. */
export function list<T>(kind: Kind<T>): Kind<readonly T[]> {
  return {
    zero: [],
    read(reader) {
      const items: T[] = [];
      for (let left = reader.arrayHeader(); left > 0; left--) items.push(kind.read(reader));
      return items;
    },
    write(writer, items) {
      writer.arrayHeader(items.length);
      for (const item of items) kind.write(writer, item);
    },
  };
}

/** Keys are strings. Nil is the empty map. */
export function map<T>(kind: Kind<T>): Kind<ReadonlyMap<string, T>> {
  return {
    zero: new Map(),
    read(reader) {
      const entries = new Map<string, T>();
      for (let left = reader.mapHeader(); left > 0; left--) entries.set(reader.string(), kind.read(reader));
      return entries;
    },
    write(writer, entries) {
      writer.mapHeader(entries.size);
      for (const [key, value] of entries) {
        writer.string(key);
        kind.write(writer, value);
      }
    },
  };
}

/** One of some words, written as its place among them. */
export function word<const T extends string>(words: readonly [T, ...T[]]): Kind<T> {
  return {
    zero: words[0],
    read(reader) {
      const place = reader.uint(0xff);
      const value = words[place];
      if (value === undefined) throw new WireError('malformed', `${place} is none of ${words.join(', ')}`);
      return value;
    },
    write: (writer, value) => writer.uint(words.indexOf(value)),
  };
}

function number(max: number): Kind<number> {
  return {
    zero: 0,
    read: (reader) => reader.uint(max),
    write: (writer, value) => writer.uint(value),
  };
}
