import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { encodeMessage, encodeStreamMessage, TYPE } from './codec.ts';
import { WireError } from './error.ts';
import { Keyring } from './keyring.ts';
import { compress, expand } from './lzw.ts';
import type { Message, StreamMessage } from './message.ts';
import { type OpenOptions, openPacket, type SealOptions, sealPacket } from './packet.ts';
import { measureStream, openStream, type StreamSide, sealStream } from './stream.ts';

interface Vector {
  readonly name: string;
  readonly transport: 'udp' | 'tcp';
  readonly sender: string;
  readonly hex: string;
  /** Base64, separated by commas; the primary one first. */
  readonly key?: string;
  /** A label that is authenticated though there is no header of it. */
  readonly aadLabel?: string;
  readonly decoded: {
    readonly label?: string;
    readonly encryption?: { readonly version: number; readonly plainHex: string };
    readonly message: Layer;
  };
}

/** A message, or what it travels in, as the vectors describe it: bytes are `{hex}`, names are those of the wire. */
interface Layer {
  readonly type: number;
  readonly body?: object;
  readonly header?: { readonly Join: boolean };
  readonly nodes?: object[];
  readonly user?: { readonly hex?: string };
  readonly inner?: Layer;
  readonly parts?: Layer[];
}

interface Generated {
  readonly input: string;
  readonly length: number;
  readonly compressedHex?: string;
  readonly compressedSha256?: string;
}

const file = new URL('../../vectors/vectors.json', import.meta.url);
const { vectors, lzw }: { vectors: Vector[]; lzw: { cases: Generated[] } } = JSON.parse(readFileSync(file, 'utf8'));

describe.for(vectors.map((vector) => [vector.name, vector] as const))(
  'recorded between real peers: %s',
  ([, vector]) => {
    const bytes = hex(vector.hex);
    const { decoded, sender, transport } = vector;
    const layers = layersOf(decoded.message);

    test('is read as what it says', () => {
      expect(open(bytes, vector).map(describeMessage)).toEqual(layers.messages.map(describeLayer));
    });

    test('is written byte for byte as its sender did', () => {
      // What is encrypted differs by its nonce, so what is compared is what it was before.
      const wanted = decoded.encryption ? hex(decoded.encryption.plainHex) : bytes;
      const plain = decoded.encryption ? { keyring: null, label: '' } : {};
      const written = seal(open(bytes, vector), vector, plain);
      // The foreign implementation had an order of fields of its own.
      if (sender.startsWith('foreign')) expect(written).toHaveLength(wanted.length);
      else expect(toHex(written)).toBe(toHex(wanted));
    });

    test('is as long as it was when it is encrypted anew, and opens again', () => {
      const messages = open(bytes, vector);
      const written = seal(messages, vector);
      expect(written).toHaveLength(bytes.length);
      expect(open(written, vector)).toEqual(messages);
    });

    test('gives at most its first messages when it is cut short', () => {
      const whole = layers.messages.map(describeLayer);
      for (let length = 0; length < bytes.length; length++) {
        const messages = openOrRefuse(bytes.subarray(0, length), vector).map(describeMessage);
        const count = messages.length;
        // A user message ends where its packet does: that it was longer shows nowhere but in a checksum.
        const end = layers.messages[count - 1]?.type === TYPE.user ? count - 1 : count;
        expect(messages.slice(0, end)).toEqual(whole.slice(0, end));
      }
    });

    if (transport === 'tcp')
      test('is whole at its last byte and not before', () => {
        const measure = measureStream(readerOf(vector));
        for (let length = 0; length < bytes.length; length++) {
          const answer = measure(bytes.subarray(0, length));
          expect(answer).toBeGreaterThan(length);
          expect(answer).toBeLessThanOrEqual(bytes.length);
        }
        expect(measure(bytes)).toBe(true);
        expect(measureStream(readerOf(vector))(bytes)).toBe(true);
      });

    test('gives messages that stay as they are when its buffer is used again', () => {
      const buffer = Buffer.from(bytes);
      const messages = open(buffer, vector);
      buffer.fill(0xff);
      expect(messages).toEqual(open(bytes, vector));
    });
  },
);

describe.for(lzw.cases.map((one) => [one.input, one] as const))('compressed by the reference: %s', ([input, one]) => {
  const plain = generated(input, one.length);

  test('gives the same bytes here, and is expanded again', () => {
    const compressed = compress(plain);
    if (one.compressedHex !== undefined) expect(toHex(compressed)).toBe(one.compressedHex);
    else expect(createHash('sha256').update(compressed).digest('hex')).toBe(one.compressedSha256);
    expect(expand(compressed, plain.length)).toEqual(plain);
  });
});

function open(bytes: Uint8Array, vector: Vector): Message[] {
  const reader = readerOf(vector);
  return vector.transport === 'udp' ? openPacket(bytes, reader) : [openStream(bytes, reader)];
}

function openOrRefuse(bytes: Uint8Array, vector: Vector): Message[] {
  try {
    return open(bytes, vector);
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
    return [];
  }
}

/** As the sender of a vector wrote such messages. */
function seal(messages: Message[], vector: Vector, changed: Partial<SealOptions> = {}): Uint8Array {
  const { checksum, compress } = layersOf(vector.decoded.message);
  const encryptionVersion = (vector.decoded.encryption?.version ?? 1) as 0 | 1;
  const { label, keyring } = readerOf(vector);
  const dialling = vector.decoded.label !== undefined;
  const options = { label, keyring, checksum, compress, encryptionVersion, verifyOutgoing: true, dialling, ...changed };
  if (vector.transport === 'udp') return sealPacket(messages.map(encodeMessage), options);
  return sealStream(encodeStreamMessage(messages[0] as StreamMessage), options);
}

function readerOf({ key, aadLabel, decoded }: Vector): OpenOptions & StreamSide {
  const keys = key?.split(',').map((text) => new Uint8Array(Buffer.from(text, 'base64')));
  return {
    label: decoded.label ?? aadLabel ?? '',
    keyring: keys ? new Keyring(keys) : null,
    verifyIncoming: true,
    // Whoever had a header of its label before it was dialling, so its reader is not.
    dialling: decoded.label === undefined,
  };
}

function layersOf(layer: Layer): { checksum: boolean; compress: boolean; messages: Layer[] } {
  if (layer.type === TYPE.checksum) return { ...layersOf(layer.inner!), checksum: true };
  if (layer.type === TYPE.compressed) return { ...layersOf(layer.inner!), compress: true };
  const messages = layer.parts?.flatMap((part) => layersOf(part).messages) ?? [layer];
  return { checksum: false, compress: false, messages };
}

/** A message in the words of the vectors. */
function describeMessage(message: Message): object {
  const type = TYPE[message.type];
  if (message.type === 'user') return { type };
  if (message.type !== 'pushPull') return { type, body: describeFields(message) };
  const { join, nodes } = message;
  return { type, join, nodes: nodes.map(describeFields) };
}

function describeLayer({ type, body, header, nodes }: Layer): object {
  if (type === TYPE.user) return { type };
  if (nodes) return { type, join: header!.Join, nodes: nodes.map(withoutMeaning) };
  return { type, body: withoutMeaning(body!) };
}

function describeFields(fields: object): object {
  const described = Object.entries(fields)
    .filter(([name, value]) => name !== 'type' && value !== undefined)
    .map(([name, value]) => [name.charAt(0).toUpperCase() + name.slice(1), describeValue(value)]);
  return Object.fromEntries(described);
}

function describeValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: toHex(value) };
  const state = ['alive', 'suspect', 'dead', 'left'].indexOf(value as string);
  return state < 0 ? value : state;
}

/** Without what the vectors say about the meaning of bytes. */
function withoutMeaning(fields: object): object {
  const plain = Object.entries(fields).map(([name, value]) => [
    name,
    value?.hex === undefined ? value : { hex: value.hex },
  ]);
  return Object.fromEntries(plain);
}

function generated(input: string, length: number): Uint8Array {
  const rules: Record<string, (i: number) => number> = {
    'byte[i] = ((i*i>>8) ^ (i*7)) & 255': (i) => (((i * i) >> 8) ^ (i * 7)) & 255,
    'byte[i] = 97 + ((i*i>>5) % 7)': (i) => 97 + (((i * i) >> 5) % 7),
    'byte[i] = 0xc0': () => 0xc0,
    'one byte 0x41': () => 0x41,
    empty: () => 0,
  };
  return Uint8Array.from({ length }, (_, i) => rules[input]!(i));
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
