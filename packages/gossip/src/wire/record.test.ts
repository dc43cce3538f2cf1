import { expect, test } from 'vitest';
import { bool, list, map, nullable, optional, string, u16, u32, word } from './kinds.ts';
import { Reader, Writer } from './msgpack.ts';
import { record } from './record.ts';

interface Boat {
  readonly name: string;
  readonly length: number;
  readonly afloat: boolean;
  readonly flag?: string | undefined;
  readonly state: 'moored' | 'sailing';
}

const boat = record<Boat>(
  { name: string, length: u32, afloat: bool, flag: optional(string), state: word(['moored', 'sailing']) },
  { names: { length: 'LOA' } },
);

const whole: Boat = { name: 'Ida', length: 12, afloat: true, flag: 'DK', state: 'sailing' };

test('fields are written in the order of their names on the wire', () => {
  expect(text(write(whole))).toBe('\x85¦AfloatÃ¤Flag¢DK£LOA\x0c¤Name£Ida¥State\x01');
});

test('an optional field is left out when it is undefined or empty', () => {
  expect(text(write({ ...whole, flag: undefined }))).not.toContain('Flag');
  expect(text(write({ ...whole, flag: '' }))).not.toContain('Flag');
  expect(read(write({ ...whole, flag: undefined }))).toEqual({ ...whole, flag: undefined });
});

test('fields are read in any order, the last of one name counts, unknown ones are passed over', () => {
  const writer = new Writer();
  writer.mapHeader(6);
  for (const name of ['Ida', 'Ada']) {
    writer.string('Name');
    writer.string(name);
  }
  writer.string('Cargo');
  writer.mapHeader(1);
  writer.string('Name');
  writer.arrayHeader(0);
  writer.string('name');
  writer.string('other case, other field');
  writer.string('LOA');
  writer.uint(9);
  writer.string('Afloat');
  writer.bool(true);
  expect(read(writer.finish())).toEqual({ name: 'Ada', length: 9, afloat: true, flag: undefined, state: 'moored' });
});

test('missing fields and nil ones have the zero of their kind', () => {
  expect(read(Uint8Array.of(0x80))).toEqual({ name: '', length: 0, afloat: false, flag: undefined, state: 'moored' });
  const writer = new Writer();
  writer.mapHeader(3);
  for (const name of ['Name', 'LOA', 'Afloat']) {
    writer.string(name);
    writer.nil();
  }
  expect(read(writer.finish())).toEqual({ name: '', length: 0, afloat: false, flag: undefined, state: 'moored' });
});

test('what is no map, has a key that is no string, or a word that is none is refused', () => {
  expect(() => read(Uint8Array.of(0x90))).toThrow('a map was expected');
  expect(() => read(Uint8Array.of(0x81, 0x01, 0x01))).toThrow('a string was expected');
  expect(() => read(Uint8Array.of(0x81, 0xa5, ...Buffer.from('State'), 9))).toThrow('9 is none of moored, sailing');
});

test('lists, maps and what may be nil come back as they were', () => {
  const harbour = record<{
    boats: readonly (Boat | null)[];
    depths: ReadonlyMap<string, number>;
  }>({ boats: list(nullable(boat)), depths: map(u16) });
  const value = {
    boats: [whole, null, whole],
    depths: new Map([
      ['north', 7],
      ['__proto__', 3],
    ]),
  };
  const writer = new Writer();
  harbour.write(writer, value);
  const bytes = writer.finish();
  expect(harbour.read(new Reader(bytes))).toEqual(value);
  expect(harbour.read(new Reader(Uint8Array.of(0x80)))).toEqual({ boats: [], depths: new Map() });
});

function write(value: Boat): Uint8Array {
  const writer = new Writer();
  boat.write(writer, value);
  return writer.finish();
}

function read(bytes: Uint8Array): Boat {
  return boat.read(new Reader(bytes));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
