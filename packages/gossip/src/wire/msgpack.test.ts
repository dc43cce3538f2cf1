import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WireReason } from './error.ts';
import { Reader, Writer } from './msgpack.ts';
import { Skipper } from './skipper.ts';

test.for([
  [0, '00'],
  [127, '7f'],
  [128, 'cc80'],
  [255, 'ccff'],
  [256, 'cd0100'],
  [65_535, 'cdffff'],
  [65_536, 'ce00010000'],
  [4_294_967_295, 'ceffffffff'],
  [4_294_967_296, 'cf0000000100000000'],
  [Number.MAX_SAFE_INTEGER, 'cf001fffffffffffff'],
] as const)('the number %d is written as short as can be: %s', ([value, hex]) => {
  expect(written((writer) => writer.uint(value))).toEqual(fromHex(hex));
  expect(new Reader(fromHex(hex)).uint(value)).toBe(value);
});

test('a number is read in every form that holds it, and refused when it is out of range', () => {
  for (const hex of [
    '07',
    'cc07',
    'cd0007',
    'ce00000007',
    'cf0000000000000007',
    'd007',
    'd10007',
    'd200000007',
    'd30000000000000007',
  ])
    expect(new Reader(fromHex(hex)).uint(255)).toBe(7);
  expect(new Reader(fromHex('c0')).uint(255)).toBe(0);
  for (const hex of ['cd0100', 'd0ff', 'd1ffff', 'd2ffffffff', 'd3ffffffffffffffff', 'ff', 'cfffffffffffffffff'])
    expect(() => new Reader(fromHex(hex)).uint(255)).toThrow(refusal('malformed'));
});

test('strings and bytes are written in the old form only, and read in both', () => {
  for (const [length, head] of [
    [31, 'bf'],
    [32, 'da0020'],
    [65_535, 'daffff'],
    [65_536, 'db00010000'],
  ] as const) {
    const text = 'x'.repeat(length);
    const wanted = Buffer.concat([fromHex(head), Buffer.from(text)]);
    expect(Buffer.from(written((writer) => writer.string(text))).equals(wanted)).toBe(true);
    expect(Buffer.from(written((writer) => writer.raw(Buffer.from(text)))).equals(wanted)).toBe(true);
  }
  for (const hex of [
    'a3616263',
    'd903616263',
    'da0003616263',
    'db00000003616263',
    'c403616263',
    'c50003616263',
    'c600000003616263',
  ]) {
    expect(new Reader(fromHex(hex)).string()).toBe('abc');
    expect(new Reader(fromHex(hex)).raw()).toEqual(fromHex('616263'));
  }
  expect(new Reader(fromHex('936162cc63')).raw()).toEqual(fromHex('616263'));
  expect(new Reader(fromHex('c0')).raw()).toHaveLength(0);
});

test('any text and any bytes come back as they were', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (text, bytes) => {
      const reader = new Reader(
        written((writer) => {
          writer.string(text);
          writer.raw(bytes);
          writer.bool(true);
          writer.nil();
        }),
      );
      expect(reader.string()).toBe(text);
      expect(reader.raw()).toEqual(bytes);
      expect(reader.bool()).toBe(true);
      expect(reader.nil()).toBe(true);
      expect(reader.left).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test('a string that is not UTF-8 is refused: two such names would become one', () => {
  expect(() => new Reader(fromHex('a2c328')).string()).toThrow(refusal('malformed'));
  const long = Buffer.concat([fromHex('da0030'), Buffer.alloc(48, 0xff)]);
  expect(() => new Reader(long).string()).toThrow(refusal('malformed'));
});

test('what is announced and is not there is refused before anything is made for it', () => {
  for (const hex of ['dbffffffff', 'c6ffffffff', 'a5616263', 'ddffffffff', 'dd', 'dbffff'])
    expect(() => new Reader(fromHex(hex)).raw()).toThrow(refusal('truncated'));
  expect(() => new Reader(fromHex('ddffffffff')).arrayHeader()).toThrow(refusal('truncated'));
  expect(() => new Reader(fromHex('dfffffffff')).mapHeader()).toThrow(refusal('truncated'));
});

test('any item is passed over to its last byte, however deep', () => {
  fc.assert(
    fc.property(item, (bytes) => {
      const reader = new Reader(Uint8Array.of(...bytes, 0x2a));
      reader.skip();
      expect(reader.uint(255)).toBe(0x2a);
      for (let length = 0; length < bytes.length; length++)
        expect(() => new Reader(Uint8Array.from(bytes.slice(0, length))).skip()).toThrow(refusal('truncated'));
    }),
    { numRuns: 300 },
  );
  const depth = 1_000_000;
  const deep = new Uint8Array(depth + 1).fill(0x91);
  deep[depth] = 0xc0;
  const reader = new Reader(deep);
  reader.skip();
  expect(reader.left).toBe(0);
});

test('items that arrive bit by bit are passed over at the same place, and never asked for more than they are', () => {
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 7 }), (items, step) => {
      const bytes = Uint8Array.from(items.flat());
      const skipper = new Skipper(items.length, 0);
      let answer: true | number = 0;
      for (let length = 0; length < bytes.length; length += step) {
        answer = skipper.advance(bytes.subarray(0, length), 1_000_000);
        expect(answer).toBeGreaterThan(length);
        expect(answer).toBeLessThanOrEqual(bytes.length);
      }
      expect(skipper.advance(bytes, 1_000_000)).toBe(true);
      expect(skipper.position).toBe(bytes.length);
    }),
    { numRuns: 300 },
  );
});

test('items that announce more than the limit are refused at their header', () => {
  for (const hex of ['dbffffffff', 'ddffffffff', 'dfffffffff', 'c900ffffff00', 'dcffff'])
    expect(() => new Skipper(1, 0).advance(fromHex(hex), 1000)).toThrow(refusal('too-large'));
});

/** An encoded item of any kind. */
const { item } = fc.letrec<{ item: number[] }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    fc.integer({ min: 0, max: 0x7f }).map((byte) => [byte]),
    fc.constantFrom(
      ...['c0', 'c2', 'c3', 'e0', 'cc01', 'cd0102', 'ca01020304', 'cb0102030405060708', 'd301020304050607ff'].map(list),
    ),
    fc.constantFrom(...['d40102', 'd5010203', 'd60102030405', 'c7020961ff', 'c800010900', 'c9000000010900'].map(list)),
    fc.constantFrom(...[`d7${'01'.repeat(9)}`, `d8${'01'.repeat(17)}`, 'd90161', 'c50001ff', 'a2c0c0'].map(list)),
    fc.array(tie('item'), { maxLength: 4 }).map((items) => [0x90 | items.length, ...items.flat()]),
    fc.array(tie('item'), { maxLength: 4 }).map((items) => [0xdc, 0, items.length, ...items.flat()]),
    fc
      .array(fc.tuple(tie('item'), tie('item')), { maxLength: 3 })
      .map((pairs) => [0x80 | pairs.length, ...pairs.flat(2)]),
    fc
      .array(fc.tuple(tie('item'), tie('item')), { maxLength: 3 })
      .map((pairs) => [0xdf, 0, 0, 0, pairs.length, ...pairs.flat(2)]),
  ),
}));

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  write(writer);
  return writer.finish();
}

function list(hex: string): number[] {
  return [...fromHex(hex)];
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function refusal(reason: WireReason): unknown {
  return expect.objectContaining({ name: 'WireError', reason });
}
