import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addChecksum } from './checksum.ts';
import { decodeMessage, decodeStreamMessage, encodeMessage, encodeStreamMessage, TYPE } from './codec.ts';
import { joinParts } from './compound.ts';
import { pack } from './compression.ts';
import { WireError } from './error.ts';
import { Keyring } from './keyring.ts';
import { addLabel } from './label.ts';
import { type OpenOptions, openPacket } from './packet.ts';
import { measureStream, openStream, sealStream } from './stream.ts';

/*
 * Hostile bytes for everything that reads from the network. `npm run fuzz` does the same with more of them.
 */
const INPUTS = Number(process.env.PORTOLAN_FUZZ_INPUTS ?? 200_000);
/** Inputs between two looks at the memory. */
const BATCH = 20_000;
/** Longest that one input may take, ms: the worst takes 3 s on a busy machine, all but the largest 0.3 s. */
const TIME_LIMIT = 15_000;
/** Most that the process may grow by, bytes. */
const MEMORY_LIMIT = 1024 * 1024 * 1024;
const MIB = 1024 * 1024;

const label = 'blue';
const keyring = new Keyring([new Uint8Array(32).fill(1), new Uint8Array(16).fill(2)]);
const readers: readonly OpenOptions[] = [
  { label: '', keyring: null, verifyIncoming: true },
  { label, keyring: null, verifyIncoming: true },
  { label: '', keyring, verifyIncoming: true },
  { label, keyring, verifyIncoming: false },
];

test('no bytes make more of a reader than messages or a WireError, in bounded time and memory', {
  timeout: 3_600_000,
}, () => {
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const seen: Seen = { opened: 0, refused: new Map(), slowest: 0 };
  let peak = before;
  for (let done = 0; done < INPUTS; done += BATCH) {
    fc.assert(
      fc.property(hostile, ({ bytes, reader, dialling }) => feed(bytes, reader, dialling, seen)),
      { numRuns: Math.min(BATCH, INPUTS - done) },
    );
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  report(seen, started, peak, before);
  expect(seen.slowest).toBeLessThan(TIME_LIMIT);
  expect(peak - before).toBeLessThan(MEMORY_LIMIT);
  // Else the inputs are such that they test no more than the outermost layer.
  expect(seen.opened).toBeGreaterThan(INPUTS / 5);
  expect([...seen.refused.keys()]).toEqual(
    expect.arrayContaining(['truncated', 'malformed', 'unknown-type', 'checksum']),
  );
});

interface Seen {
  opened: number;
  readonly refused: Map<string, number>;
  /** ms */
  slowest: number;
}

function feed(bytes: Uint8Array, reader: OpenOptions, dialling: boolean, seen: Seen): void {
  const started = performance.now();
  const dropped = (error: WireError) => count(seen, error);
  attempt(seen, () => {
    for (const message of openPacket(bytes, { ...reader, dropped })) {
      const encoded = encodeMessage(message);
      if (!same(encoded, encodeMessage(decodeMessage(encoded))))
        throw new Error('a message changes when it is passed on');
    }
    seen.opened++;
  });
  const options = { ...reader, dialling };
  let whole = false;
  attempt(seen, () => {
    const encoded = encodeStreamMessage(openStream(bytes, options));
    whole = true;
    if (!same(encoded, encodeStreamMessage(decodeStreamMessage(encoded))))
      throw new Error('a message changes when it is passed on');
    seen.opened++;
  });
  attempt(seen, () => {
    const measure = measureStream(options);
    const half = bytes.length >> 1;
    const answer = measure(bytes.subarray(0, half));
    if (answer !== true && answer <= half) throw new Error('a stream asks for what it has');
    const last = answer === true || measure(bytes);
    if (whole && last !== true) throw new Error('a stream that can be opened is not whole');
  });
  seen.slowest = Math.max(seen.slowest, performance.now() - started);
}

function attempt(seen: Seen, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    count(seen, error);
  }
}

function count({ refused }: Seen, { reason }: WireError): void {
  refused.set(reason, (refused.get(reason) ?? 0) + 1);
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.from(one).equals(other);
}

function report({ opened, refused, slowest }: Seen, started: number, peak: number, before: number): void {
  const seconds = (performance.now() - started) / 1000;
  const reasons = [...refused].map(([reason, times]) => `${reason} ${times}`).join(', ');
  say(`${INPUTS} inputs in ${seconds.toFixed(0)} s, ${Math.round(INPUTS / seconds)}/s`);
  say(`opened ${opened} times; refused: ${reasons}`);
  say(
    `slowest ${slowest.toFixed(0)} ms; memory ${Math.round(peak / MIB)} MiB at most, ${Math.round(before / MIB)} before`,
  );
}

/** Figures are for whoever asked for them. */
function say(line: string): void {
  if (process.env.PORTOLAN_FUZZ_INPUTS !== undefined) process.stdout.write(`${line}\n`);
}

/** Its byte arrays cost most; the unknown field makes it as long as it must be. */
const smallNode = [
  [0x84, ...field('Addr'), 0xa1, 1, ...field('Meta'), 0xa1, 1, ...field('Vsn'), 0xa1, 1],
  [...field('Unknown'), 0xa7, ...Buffer.from('ballast')],
].flat();

/** What was recorded between real peers: whole packets and streams, and what is inside them. */
const samples: readonly Uint8Array[] = recorded().flatMap(({ hex, decoded }) =>
  [hex, decoded.encryption?.plainHex, ...plainHexes(decoded.message)]
    .filter((text) => text !== undefined)
    .map((text) => new Uint8Array(Buffer.from(text, 'hex'))),
);

/** What is made to cost more than it weighs; none of them longer than a packet. */
const bombs: readonly Uint8Array[] = [
  pack(new Uint8Array(200_000)),
  pack(joinParts(Array.from({ length: 255 }, () => pack(new Uint8Array(60_000))))[0]!),
  tower(12),
  joinParts(Array.from({ length: 255 }, () => joinParts(Array.from({ length: 60 }, () => Uint8Array.of(99)))[0]!))[0]!,
  pack(
    joinParts(
      Array.from({ length: 255 }, () => joinParts(Array.from({ length: 255 }, () => Uint8Array.of(99)))[0]!),
    )[0]!,
  ),
  record(TYPE.ping, 'Nest', [...Array.from({ length: 60_000 }, () => 0x91), 0xc0]),
  Uint8Array.of(
    TYPE.alive,
    0xde,
    0x1f,
    0xff,
    ...Array.from({ length: 8191 }, () => [0xa4, ...Buffer.from('Meta'), 0xa0]).flat(),
  ),
  ...[
    'dbffffffff',
    'ddffffffff',
    'dfffffffff',
    'c6ffffffff',
    'c9ffffffff00',
    'cfffffffffffffffff',
    'd3ffffffffffffffff',
  ].flatMap((hex) =>
    ['Meta', 'Node', 'Incarnation', 'Other'].map((name) => record(TYPE.alive, name, [...Buffer.from(hex, 'hex')])),
  ),
  ...['ce00100000', 'ce00100001', 'ceffffffff', 'cfffffffffffffffff'].flatMap((hex) =>
    ['Nodes', 'UserStateLen'].map((name) => record(TYPE.pushPull, name, [...Buffer.from(hex, 'hex')])),
  ),
  Uint8Array.of(TYPE.encrypted, 0xff, 0xff, 0xff, 0xff),
  ...[0, 1, 15, 16, 17, 255].map((last) => badlyPadded(Uint8Array.of(...new Uint8Array(15), last))),
  badlyPadded(new Uint8Array(0)),
];

const mutation = fc.tuple(fc.nat(6), fc.nat(0xffff), fc.nat(0xff));

const mutated = fc
  .tuple(fc.nat(), fc.array(mutation, { maxLength: 4 }))
  .map(([which, mutations]) => mutations.reduce(mutate, pick([...samples, ...samples, ...bombs], which)));

const arbitrary = fc
  .tuple(fc.constantFrom(...Object.values(TYPE), 0x80, 0xff), fc.uint8Array({ maxLength: 40 }))
  .map(([first, rest]) => Uint8Array.of(first, ...rest));

/** Layers that are put around, so that what is inside is reached. */
const layers: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
  addChecksum,
  (bytes) => (bytes.length < 20_000 ? pack(bytes) : bytes),
  (bytes) => joinParts([bytes.subarray(0, 0xffff), samples[0]!])[0]!,
];

const envelopes: readonly ((bytes: Uint8Array, reader: OpenOptions) => Uint8Array)[] = [
  (bytes) => bytes,
  (bytes, reader) => addLabel(reader.label, reader.keyring?.seal(bytes, Buffer.from(reader.label)) ?? bytes),
  (bytes, reader) => addLabel(reader.label, reader.keyring?.seal(bytes, Buffer.from(reader.label), 0) ?? bytes),
  (bytes, reader) => sealStream(bytes, { ...reader, compress: false, verifyOutgoing: true, dialling: true }),
  (bytes, reader) => sealStream(bytes, { ...reader, compress: true, verifyOutgoing: true, dialling: false }),
];

/** Bytes and who reads them: mostly in an envelope that is meant for that reader. */
const hostile = fc
  .tuple(
    fc.oneof({ weight: 4, arbitrary: mutated }, { weight: 1, arbitrary }),
    fc.array(fc.nat(layers.length - 1), { maxLength: 2 }),
    fc.nat(envelopes.length - 1),
    fc.constantFrom(...readers),
  )
  .map(([content, around, envelope, reader]) => {
    const bytes = around.reduce((inner, layer) => layers[layer]!(inner), content);
    return { bytes: envelopes[envelope]!(bytes, reader), reader, dialling: envelope === 4 };
  });

function mutate(bytes: Uint8Array, [kind, at, value]: readonly [number, number, number]): Uint8Array {
  const place = at % (bytes.length + 1);
  const changed = bytes.slice();
  switch (kind) {
    case 0:
      changed[place] = value;
      return changed;
    case 1:
      changed[place]! ^= 1 << (value & 7);
      return changed;
    case 2:
      return bytes.subarray(0, place);
    case 3:
      return bytes.subarray(place);
    case 4:
      // The neighbours of what matters to lengths: 0, 127, 128, 255 and all that tells a kind.
      changed[place] = [0, 0x7f, 0x80, 0xc0, 0xcf, 0xdb, 0xdd, 0xff][value & 7]!;
      return changed;
    case 5:
      return new Uint8Array(
        Buffer.concat([bytes.subarray(0, place), bytes.subarray(place - value), bytes.subarray(place)]),
      );
    default:
      return new Uint8Array(
        Buffer.concat([bytes.subarray(0, place), Buffer.alloc(1 + (value & 15), value), bytes.subarray(place)]),
      );
  }
}

test.for([
  ['zeros that expand to more than a stream may', () => pack(new Uint8Array(41 * MIB))],
  ['zeros that expand to just what a stream may', () => pack(new Uint8Array(40 * MIB))],
  ['a million nodes without a field', () => pack(state(1_048_576, [0x80]))],
  ['as many nodes as fit, with as little in them as they can have', () => pack(state(950_000, smallNode))],
  ['20 MiB of nested arrays', () => record(TYPE.ping, 'Nest', new Array(20 * MIB).fill(0x91))],
  ['20 MiB of one field again and again', () => repeatedField()],
] as const)('one stream of %s costs bounded time and memory', { timeout: 120_000 }, ([, make]) => {
  const bytes = make();
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const seen: Seen = { opened: 0, refused: new Map(), slowest: 0 };
  const reader = { ...readers[0]!, dialling: false };
  attempt(seen, () => measureStream(reader)(bytes));
  attempt(seen, () => openStream(bytes, reader));
  const took = performance.now() - started;
  const grown = process.memoryUsage().rss - before;
  say(`${bytes.length} bytes: ${took.toFixed(0)} ms, ${Math.round(grown / MIB)} MiB`);
  expect(took).toBeLessThan(TIME_LIMIT);
  expect(grown).toBeLessThan(MEMORY_LIMIT);
});

function state(nodes: number, node: readonly number[], userState = 0): Uint8Array {
  const header = [
    [0x83, ...field('Nodes'), 0xce, nodes >>> 24, nodes >>> 16, nodes >>> 8, nodes],
    [...field('UserStateLen'), userState, ...field('Join'), 0xc2],
  ].flat();
  return new Uint8Array(
    Buffer.concat([Uint8Array.of(TYPE.pushPull, ...header), Buffer.alloc(nodes * node.length, Uint8Array.from(node))]),
  );
}

function repeatedField(): Uint8Array {
  const one = Uint8Array.from([...field('Payload'), 0xa1, 1]);
  const times = Math.floor((20 * MIB) / one.length);
  const head = Uint8Array.of(TYPE.ack, 0xdf, times >>> 24, times >>> 16, times >>> 8, times);
  return new Uint8Array(Buffer.concat([head, Buffer.alloc(times * one.length, one)]));
}

function record(type: number, name: string, value: readonly number[]): Uint8Array {
  return new Uint8Array(Buffer.concat([Uint8Array.of(type, 0x81, ...field(name)), Uint8Array.from(value)]));
}

function field(name: string): number[] {
  return [0xa0 | name.length, ...Buffer.from(name)];
}

/** Compounds and compressions in turn. */
function tower(height: number): Uint8Array {
  let bytes: Uint8Array = samples[0]!;
  for (let i = 0; i < height; i++) bytes = pack(joinParts([bytes])[0]!);
  return bytes;
}

/** Sealed by the key, as version 0, with padding that is what it is. */
function badlyPadded(plain: Uint8Array): Uint8Array {
  const blob = keyring.seal(plain, new Uint8Array(0), 1);
  blob[0] = 0;
  return blob;
}

function pick(all: readonly Uint8Array[], which: number): Uint8Array {
  return all[which % all.length]!;
}

interface Layer {
  readonly plainHex?: string;
  readonly inner?: Layer;
}

interface Vector {
  readonly hex: string;
  readonly decoded: { readonly encryption?: { readonly plainHex: string }; readonly message: Layer };
}

function recorded(): Vector[] {
  const file = new URL('../../vectors/vectors.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }).vectors;
}

function plainHexes({ plainHex, inner }: Layer): (string | undefined)[] {
  return [plainHex, ...(inner ? plainHexes(inner) : [])];
}
