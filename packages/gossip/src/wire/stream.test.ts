import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeStreamMessage, TYPE } from './codec.ts';
import { pack } from './compression.ts';
import type { WireReason } from './error.ts';
import { Keyring } from './keyring.ts';
import { STATE_LIMIT, STREAM_LIMIT } from './limits.ts';
import type { NodeState, StreamMessage } from './message.ts';
import { Writer } from './msgpack.ts';
import { measureStream, openStream, sealStream } from './stream.ts';

const keyring = new Keyring([new Uint8Array(32).fill(1)]);
const plain = { label: '', keyring: null, compress: false, verifyOutgoing: true, verifyIncoming: true };
const options = [
  plain,
  { ...plain, compress: true },
  { ...plain, keyring },
  { ...plain, keyring, encryptionVersion: 0 as const },
  { ...plain, label: 'blue' },
  { ...plain, label: 'blue', keyring, compress: true },
];

const node: NodeState = {
  name: 'ida',
  addr: Uint8Array.of(127, 0, 0, 1),
  port: 7679,
  meta: Uint8Array.of(0xff, 0x80),
  incarnation: 1,
  state: 'alive',
  vsn: Uint8Array.of(1, 5, 2, 2, 5, 5),
};
const messages: StreamMessage[] = [
  { type: 'ping', seqNo: 7, node: 'ida' },
  { type: 'ack', seqNo: 7, payload: null },
  { type: 'error', error: 'no room' },
  { type: 'user', payload: Uint8Array.of(64, 1, 2) },
  { type: 'user', payload: new Uint8Array(0) },
  { type: 'pushPull', join: true, nodes: [], userState: new Uint8Array(0) },
  {
    type: 'pushPull',
    join: false,
    nodes: (['alive', 'suspect', 'dead', 'left'] as const).map((state) => ({ ...node, state })),
    userState: Uint8Array.of(2, 0x80),
  },
];

test.for(options)('messages come back from streams of %o, asked and answered', (option) => {
  for (const message of messages)
    for (const dialling of [true, false]) {
      const stream = sealStream(encodeStreamMessage(message), { ...option, dialling });
      const reader = { ...option, dialling: !dialling };
      expect(openStream(stream, reader)).toEqual(message);
      const measure = measureStream(reader);
      for (let length = 0; length < stream.length; length++)
        expect(measure(stream.subarray(0, length))).toBeGreaterThan(length);
      expect(measure(stream)).toBe(true);
    }
});

test('only the side that opened the connection sends the label, and only the other one wants it', () => {
  const asked = sealStream(encodeStreamMessage(messages[0]!), { ...plain, label: 'blue', dialling: true });
  const answered = sealStream(encodeStreamMessage(messages[0]!), { ...plain, label: 'blue', dialling: false });
  expect(asked.length - answered.length).toBe(6);
  for (const read of [openStream, measureAll]) {
    expect(() => read(asked, { ...plain, label: 'blue', dialling: true })).toThrow(refusal('label'));
    expect(() => read(answered, { ...plain, label: 'blue', dialling: false })).toThrow(refusal('label'));
    expect(() => read(asked, { ...plain, label: 'red', dialling: false })).toThrow(refusal('label'));
    expect(() => read(asked, { ...plain, dialling: false })).toThrow(refusal('label'));
  }
});

test('an answer is bound to the label though it does not show it', () => {
  const answer = sealStream(encodeStreamMessage(messages[0]!), { ...plain, keyring, label: 'blue', dialling: false });
  expect(() => openStream(answer, { ...plain, keyring, label: 'red', dialling: true })).toThrow(refusal('decryption'));
});

test('plain where a key is set and encrypted where none is are refused at the first byte that tells', () => {
  const bare = sealStream(encodeStreamMessage(messages[0]!), { ...plain, dialling: true });
  const sealed = sealStream(encodeStreamMessage(messages[0]!), { ...plain, keyring, dialling: true });
  for (const read of [openStream, measureAll]) {
    expect(() => read(bare, { ...plain, keyring, dialling: false })).toThrow(refusal('encryption'));
    expect(() => read(sealed, { ...plain, dialling: false })).toThrow(refusal('encryption'));
  }
  expect(() => measureStream({ ...plain, keyring, dialling: false })(bare.subarray(0, 1))).toThrow(
    refusal('encryption'),
  );
  const lenient = { ...plain, keyring, verifyIncoming: false, verifyOutgoing: false, dialling: false };
  expect(openStream(bare, lenient)).toEqual(messages[0]);
  expect(openStream(sealed, lenient)).toEqual(messages[0]);
  expect(sealStream(encodeStreamMessage(messages[0]!), { ...lenient, dialling: true })).toEqual(bare);
});

test('nodes with other keys refuse each other, and read not even why', () => {
  const other = { ...plain, keyring: new Keyring([new Uint8Array(32).fill(9)]) };
  const asked = sealStream(encodeStreamMessage(messages[6]!), { ...plain, keyring, dialling: true });
  expect(() => openStream(asked, { ...other, dialling: false })).toThrow(refusal('decryption'));
  const answered = sealStream(encodeStreamMessage(messages[2]!), { ...other, dialling: false });
  expect(() => openStream(answered, { ...plain, keyring, dialling: true })).toThrow(refusal('decryption'));
});

test('a label and nothing behind it is refused', () => {
  const header = Uint8Array.of(TYPE.label, 4, ...Buffer.from('blue'));
  expect(() => openStream(header, { ...plain, label: 'blue', dialling: false })).toThrow(refusal('truncated'));
  expect(measureAll(header, { ...plain, label: 'blue', dialling: false })).toBe(header.length + 1);
});

test('no byte of an encrypted stream can be changed', () => {
  const stream = sealStream(encodeStreamMessage(messages[6]!), { ...plain, keyring, label: 'blue', dialling: true });
  for (let i = 0; i < stream.length; i++) {
    const changed = stream.slice();
    changed[i]! ^= 1;
    expect(() => openStream(changed, { ...plain, keyring, label: 'blue', dialling: false })).toThrow(refusalOfAny);
  }
});

test('a stream is whole at the same byte however it arrives, and asks for nothing beyond its end', () => {
  const states = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 30 }).map((lengths) =>
    encodeStreamMessage({
      type: 'pushPull',
      join: false,
      nodes: lengths.map((length) => ({ ...node, name: 'x'.repeat(length) })),
      userState: new Uint8Array(lengths[0] ?? 0),
    }),
  );
  fc.assert(
    fc.property(states, fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 30 }), (stream, steps) => {
      const measure = measureStream({ ...plain, dialling: false });
      let length = 0;
      for (const step of steps) {
        length += step;
        if (length >= stream.length) break;
        const answer = measure(stream.subarray(0, length));
        expect(answer).toBeGreaterThan(length);
        expect(answer).toBeLessThanOrEqual(stream.length);
      }
      expect(measure(stream)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('reading on costs no more than there is to read: 6 MiB that come in 400,000 pieces', () => {
  const nodes = Array.from({ length: 60_000 }, (_, i) => ({ ...node, name: `host-${i}.example`, incarnation: i }));
  const stream = encodeStreamMessage({ type: 'pushPull', join: false, nodes, userState: new Uint8Array(0) });
  const measure = measureStream({ ...plain, dialling: false });
  const started = performance.now();
  for (let length = 0; length < stream.length; length += 16) measure(stream.subarray(0, length));
  expect(measure(stream)).toBe(true);
  expect(performance.now() - started).toBeLessThan(5000);
});

test('what is announced over the limits is refused before it comes', () => {
  const announced = [
    Uint8Array.of(TYPE.encrypted, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(TYPE.compressed, 0x81, 0xa3, ...Buffer.from('Buf'), 0xdb, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(TYPE.ping, 0xdf, 0xff, 0xff, 0xff, 0xff),
    headed(TYPE.user, { UserMsgLen: STATE_LIMIT + 1 }),
    headed(TYPE.pushPull, { Nodes: 0, UserStateLen: STATE_LIMIT + 1 }),
    headed(TYPE.pushPull, { Nodes: 1_048_577, UserStateLen: 0 }),
    headed(TYPE.pushPull, { Nodes: 1_048_576, UserStateLen: STATE_LIMIT }),
  ];
  for (const stream of announced) {
    const reader = { ...plain, keyring, verifyIncoming: false, dialling: false };
    expect(() => measureAll(stream, reader)).toThrow(refusal('too-large'));
    expect(() => openStream(stream, reader)).toThrow(refusalOfAny);
  }
  const most = headed(TYPE.user, { UserMsgLen: STATE_LIMIT });
  expect(measureStream({ ...plain, dialling: false })(most)).toBe(most.length + STATE_LIMIT);
});

test('a state that announces more nodes than it has is refused without room for them', () => {
  const stream = headed(TYPE.pushPull, { Nodes: 1_048_576, UserStateLen: 0 });
  expect(() => openStream(stream, { ...plain, dialling: false })).toThrow(refusal('truncated'));
});

test('a user message of 20 MiB goes through every layer, one byte more does not', { timeout: 60_000 }, () => {
  const most = encodeStreamMessage({ type: 'user', payload: new Uint8Array(STATE_LIMIT).fill(7) });
  const option = { ...plain, label: 'blue', keyring };
  const stream = sealStream(most, { ...option, dialling: true });
  const message = openStream(stream, { ...option, dialling: false });
  expect(message).toHaveProperty('payload.length', STATE_LIMIT);
  expect(measureAll(stream, { ...option, dialling: false })).toBe(true);
  expect(() => sealStream(new Uint8Array(STREAM_LIMIT + 1), { ...plain, dialling: false })).toThrow(
    refusal('too-large'),
  );
  const payload = new Uint8Array(STATE_LIMIT + 1);
  expect(() => encodeStreamMessage({ type: 'user', payload })).toThrow(`the most is ${STATE_LIMIT} bytes`);
  const state = { type: 'pushPull', join: false, nodes: [], userState: payload } as const;
  expect(() => encodeStreamMessage(state)).toThrow(refusal('too-large'));
  const packed = pack(Buffer.concat([headed(TYPE.user, { UserMsgLen: payload.length }), payload]));
  expect(() => openStream(packed, { ...plain, dialling: false })).toThrow(refusal('too-large'));
});

test('a stream that expands to more than 40 MiB is refused', { timeout: 60_000 }, () => {
  const bomb = pack(new Uint8Array(41 * 1024 * 1024));
  expect(bomb.length).toBeLessThan(100_000);
  expect(() => openStream(bomb, { ...plain, dialling: false })).toThrow(refusal('too-large'));
});

test('nothing, and what belongs into packets, is refused', () => {
  expect(() => openStream(new Uint8Array(0), { ...plain, dialling: false })).toThrow(refusal('truncated'));
  expect(measureStream({ ...plain, dialling: false })(new Uint8Array(0))).toBe(1);
  for (const type of [1, 3, 4, 5, 7, 11, 12, 14, 255])
    for (const read of [openStream, measureAll])
      expect(() => read(Uint8Array.of(type, 0x80), { ...plain, dialling: false })).toThrow(refusal('unknown-type'));
  // Compressed within compressed is read in packets only.
  const twice = pack(pack(encodeStreamMessage(messages[0]!)));
  expect(() => openStream(twice, { ...plain, dialling: false })).toThrow(refusal('unknown-type'));
});

function measureAll(stream: Uint8Array, option: Parameters<typeof measureStream>[0]): true | number {
  return measureStream(option)(stream);
}

function headed(type: number, fields: Record<string, number>): Uint8Array {
  const writer = new Writer();
  writer.byte(type);
  writer.mapHeader(Object.keys(fields).length);
  for (const [name, value] of Object.entries(fields)) {
    writer.string(name);
    writer.uint(value);
  }
  return writer.finish();
}

const refusalOfAny = expect.objectContaining({ name: 'WireError' });

function refusal(reason: WireReason): unknown {
  return expect.objectContaining({ name: 'WireError', reason });
}
