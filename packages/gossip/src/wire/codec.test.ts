import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeMessage, decodeStreamMessage, encodeMessage, encodeStreamMessage, TYPE } from './codec.ts';
import type { WireReason } from './error.ts';
import type { Alive, PacketMessage, StreamMessage } from './message.ts';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const name = fc.string({ unit: 'grapheme', maxLength: 50 });
const bytes = fc.uint8Array({ maxLength: 520 });
const type = <T extends string>(value: T) => fc.constant(value);
const source = {
  sourceAddr: fc.option(fc.uint8Array({ minLength: 4, maxLength: 16 }), { nil: undefined }),
  sourcePort: fc.option(fc.integer({ min: 1, max: 0xffff }), { nil: undefined }),
  sourceNode: fc.option(
    name.filter((text) => text !== ''),
    { nil: undefined },
  ),
};
const ping = fc.record({ type: type('ping'), seqNo: u32, node: name, ...source });
const ack = fc.record({ type: type('ack'), seqNo: u32, payload: fc.option(bytes) });
const user = fc.record({ type: type('user'), payload: bytes });
const packetMessage: fc.Arbitrary<PacketMessage> = fc.oneof(
  ping,
  ack,
  user,
  fc.record({
    type: type('indirectPing'),
    seqNo: u32,
    target: bytes,
    port: u16,
    node: name,
    nack: fc.boolean(),
    ...source,
  }),
  fc.record({ type: type('nack'), seqNo: u32 }),
  fc.record({ type: fc.constantFrom('suspect', 'dead'), incarnation: u32, node: name, from: name }),
  fc.record({ type: type('alive'), incarnation: u32, node: name, addr: bytes, port: u16, meta: bytes, vsn: bytes }),
);
const nodeState = fc.record({
  name,
  addr: bytes,
  port: u16,
  meta: bytes,
  incarnation: u32,
  state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
  vsn: bytes,
});
const streamMessage: fc.Arbitrary<StreamMessage> = fc.oneof(
  ping,
  ack,
  user,
  fc.record({ type: type('error'), error: name }),
  fc.record({
    type: type('pushPull'),
    join: fc.boolean(),
    nodes: fc.array(nodeState, { maxLength: 20 }),
    userState: bytes,
  }),
);

test('any message of a packet comes back as it was', () => {
  const check = (message: PacketMessage) => {
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  };
  fc.assert(fc.property(packetMessage, check), { numRuns: 2000 });
});

test('any message of a stream comes back as it was', () => {
  const check = (message: StreamMessage) => {
    expect(decodeStreamMessage(encodeStreamMessage(message))).toEqual(message);
  };
  fc.assert(fc.property(streamMessage, check), { numRuns: 1000 });
});

test('what follows a message is not looked at, as in the reference; to a user message all of it belongs', () => {
  const nack: PacketMessage = { type: 'nack', seqNo: 5 };
  expect(decodeMessage(Uint8Array.of(...encodeMessage(nack), 0xc1, 0xff))).toEqual(nack);
  expect(decodeMessage(Uint8Array.of(TYPE.user, 1, 2, 3))).toEqual({ type: 'user', payload: Uint8Array.of(1, 2, 3) });
  expect(decodeMessage(Uint8Array.of(TYPE.user))).toEqual({ type: 'user', payload: new Uint8Array(0) });
  const stream = encodeStreamMessage({ type: 'user', payload: Uint8Array.of(1, 2) });
  expect(decodeStreamMessage(Uint8Array.of(...stream, 9))).toEqual({ type: 'user', payload: Uint8Array.of(1, 2) });
});

test('a message without a field has its zero, so an alive without versions shows that it has none', () => {
  expect(decodeMessage(Uint8Array.of(TYPE.alive, 0x80))).toEqual({
    type: 'alive',
    incarnation: 0,
    node: '',
    addr: new Uint8Array(0),
    port: 0,
    meta: new Uint8Array(0),
    vsn: new Uint8Array(0),
  });
});

test('versions that came as an array of numbers are read, too', () => {
  const vsn = [0xa3, ...Buffer.from('Vsn'), 0x96, 1, 5, 2, 2, 5, 5];
  expect(decodeMessage(Uint8Array.of(TYPE.alive, 0x81, ...vsn))).toHaveProperty('vsn', Uint8Array.of(1, 5, 2, 2, 5, 5));
});

test('versions that are alike are one array, for a cluster has as many as it has members', () => {
  const alive: Alive = {
    type: 'alive',
    incarnation: 1,
    node: 'ida',
    addr: Uint8Array.of(127, 0, 0, 1),
    port: 1,
    meta: Uint8Array.of(),
    vsn: Uint8Array.of(1, 5, 2, 2, 5, 5),
  };
  const [one, same, other] = [alive, alive, { ...alive, vsn: Uint8Array.of(1, 5, 2, 0, 0, 0) }].map(
    (message) => decodeMessage(encodeMessage(message)) as Alive,
  );
  expect(one!.vsn).toBe(same!.vsn);
  expect(other!.vsn).toEqual(Uint8Array.of(1, 5, 2, 0, 0, 0));
});

test('numbers that do not fit their field, and values of another kind, are refused', () => {
  const field = (text: string, ...value: number[]) => [0x81, 0xa0 | text.length, ...Buffer.from(text), ...value];
  for (const body of [
    field('Incarnation', 0xcf, 0, 0, 0, 1, 0, 0, 0, 0),
    field('Incarnation', 0xff),
    field('Incarnation', 0xa1, 0x31),
    field('Port', 0xce, 0, 1, 0, 0),
    field('Node', 5),
    field('Node', 0xa2, 0xc3, 0x28),
    field('Meta', 0x80),
    field('Addr', 0x92, 1, 0xcd, 1, 0),
    [0x93],
    [0xc1],
  ])
    expect(() => decodeMessage(Uint8Array.of(TYPE.alive, ...body, 0, 0, 0))).toThrow(refusal('malformed'));
});

test('a state of a node that is none of the four is refused', () => {
  const state = encodeMessage({
    type: 'pushPull',
    join: false,
    nodes: [
      {
        name: 'ida',
        addr: new Uint8Array(4),
        port: 1,
        meta: new Uint8Array(0),
        incarnation: 1,
        state: 'left',
        vsn: new Uint8Array(6),
      },
    ],
    userState: new Uint8Array(0),
  });
  const place = Buffer.from(state).indexOf('State', 40) + 'State'.length;
  expect(state[place]).toBe(3);
  state[place] = 4;
  expect(() => decodeStreamMessage(state)).toThrow(refusal('malformed'));
});

function refusal(reason: WireReason): unknown {
  return expect.objectContaining({ name: 'WireError', reason });
}
