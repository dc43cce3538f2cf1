import { expect, test } from 'vitest';
import { encodeMessage, TYPE } from './codec.ts';
import { joinParts } from './compound.ts';
import { pack } from './compression.ts';
import type { WireError, WireReason } from './error.ts';
import { Keyring } from './keyring.ts';
import { compress } from './lzw.ts';
import type { PacketMessage } from './message.ts';
import { type OpenOptions, openPacket, packetOverhead, type SealOptions, sealPacket } from './packet.ts';

type Option = OpenOptions & SealOptions & { readonly checksum: boolean };

const ping: PacketMessage = {
  type: 'ping',
  seqNo: 7,
  node: 'ida',
  sourceAddr: Uint8Array.of(127, 0, 0, 1),
  sourcePort: 7679,
};
const suspect: PacketMessage = { type: 'suspect', incarnation: 3, node: 'ida', from: 'ada' };
const user: PacketMessage = { type: 'user', payload: Uint8Array.of(64, 1, 2) };
const [key, otherKey] = [new Uint8Array(16).fill(1), new Uint8Array(32).fill(2)];

const plain: Option = {
  label: '',
  keyring: null,
  compress: false,
  checksum: false,
  verifyOutgoing: true,
  verifyIncoming: true,
};
const options: Option[] = [
  plain,
  { ...plain, compress: true },
  { ...plain, checksum: true },
  { ...plain, keyring: new Keyring([key]) },
  { ...plain, keyring: new Keyring([key]), encryptionVersion: 0 },
  { ...plain, label: 'blue' },
  { ...plain, label: 'blue', keyring: new Keyring([key]), compress: true, checksum: true },
];

test.for(options)('messages come back from a packet of %o', (option) => {
  for (const messages of [[ping], [ping, suspect, user], Array.from({ length: 255 }, () => suspect)]) {
    const packet = sealPacket(messages.map(encodeMessage), option);
    expect(openPacket(packet, option)).toEqual(messages);
  }
});

test.for(options)('the overhead that is told is that of %o, without compound and checksum', (option) => {
  const parts = [encodeMessage(ping), encodeMessage(suspect)];
  const content = sealPacket(parts, plain).length + (option.checksum ? 5 : 0);
  const written = sealPacket(parts, { ...option, compress: false }).length;
  const padding = option.encryptionVersion === 0 ? 15 : 0;
  expect(content + packetOverhead(option) - written).toBeGreaterThanOrEqual(0);
  expect(content + packetOverhead(option) - written).toBeLessThanOrEqual(padding);
});

test('a packet is compressed when that makes it smaller, and only then', () => {
  const small = encodeMessage(suspect);
  expect(sealPacket([small], { ...plain, compress: true })).toEqual(small);
  const large = encodeMessage({ type: 'user', payload: new Uint8Array(500).fill(7) });
  expect(sealPacket([large], { ...plain, compress: true }).length).toBeLessThan(100);
});

test('a packet has 1 to 255 messages and fits a datagram', () => {
  expect(() => sealPacket([], plain)).toThrow(refusal('too-many-parts'));
  expect(() =>
    sealPacket(
      Array.from({ length: 256 }, () => encodeMessage(suspect)),
      plain,
    ),
  ).toThrow(refusal('too-many-parts'));
  expect(() => sealPacket([new Uint8Array(70_000)], plain)).toThrow(refusal('too-large'));
  expect(() => openPacket(new Uint8Array(70_000), plain)).toThrow(refusal('too-large'));
});

test('nothing, an unknown type, and what belongs into streams are refused', () => {
  expect(() => openPacket(new Uint8Array(0), plain)).toThrow(refusal('truncated'));
  for (const type of [6, 10, 13, 14, 200, 255])
    expect(() => openPacket(Uint8Array.of(type, 0x80), plain)).toThrow(refusal('unknown-type'));
  expect(() => openPacket(Uint8Array.of(TYPE.ping), plain)).toThrow(refusal('truncated'));
  // A label and nothing behind it, and the same where that should be encrypted.
  const header = Uint8Array.of(TYPE.label, 4, ...Buffer.from('blue'));
  expect(() => openPacket(header, { ...plain, label: 'blue' })).toThrow(refusal('truncated'));
  expect(() => openPacket(header, { ...plain, label: 'blue', keyring: new Keyring([key]) })).toThrow(
    refusal('decryption'),
  );
});

test('a checksum is optional to its reader; a wrong one, a short one and a second one are refused', () => {
  const packet = sealPacket([encodeMessage(ping)], { ...plain, checksum: true });
  expect(openPacket(packet, plain)).toEqual([ping]);
  for (let i = 1; i < packet.length; i++) {
    const changed = packet.slice();
    changed[i]! ^= 0x10;
    expect(() => openPacket(changed, plain)).toThrow(refusal('checksum'));
  }
  expect(() => openPacket(packet.subarray(0, 4), plain)).toThrow(refusal('truncated'));
  const twice = sealPacket([packet], { ...plain, checksum: true });
  expect(() => openPacket(twice, plain)).toThrow(refusal('unknown-type'));
});

test('with a key set, nothing is read that was not sealed by one of the keys, under this label', () => {
  const sealed = { ...plain, label: 'blue', keyring: new Keyring([key]) };
  const parts = [encodeMessage(ping)];
  const packet = sealPacket(parts, sealed);
  expect(openPacket(packet, { ...sealed, keyring: new Keyring([otherKey, key]) })).toEqual([ping]);
  expect(() => openPacket(packet, { ...sealed, keyring: new Keyring([otherKey]) })).toThrow(refusal('decryption'));
  expect(() => openPacket(sealPacket(parts, { ...plain, label: 'blue' }), sealed)).toThrow(refusal('decryption'));
  // The label that is authenticated is the reader's own, so exchanging the header is of no use.
  const relabelled = Uint8Array.of(TYPE.label, 3, ...Buffer.from('red'), ...packet.subarray(6));
  expect(() => openPacket(relabelled, { ...sealed, label: 'red' })).toThrow(refusal('decryption'));
  expect(() => openPacket(relabelled, sealed)).toThrow(refusal('label'));
});

test('a node without a key takes an encrypted packet for a message that makes no sense', () => {
  for (const encryptionVersion of [0, 1] as const) {
    const packet = sealPacket([encodeMessage(ping)], { ...plain, keyring: new Keyring([key]), encryptionVersion });
    expect(() => openPacket(packet, plain)).toThrow(refusalOfAny);
  }
});

test('a live cluster gets its first key in three steps, and members understand each other at each', () => {
  const keyring = new Keyring([key]);
  const none = plain;
  const first = { ...plain, keyring, verifyIncoming: false, verifyOutgoing: false };
  const second = { ...plain, keyring, verifyIncoming: false, verifyOutgoing: true };
  const third = { ...plain, keyring };
  for (const [one, other] of [
    [none, first],
    [first, second],
    [second, third],
  ] as const)
    for (const [sender, receiver] of [
      [one, other],
      [other, one],
    ] as const)
      expect(openPacket(sealPacket([encodeMessage(ping)], sender), receiver)).toEqual([ping]);
  expect(() => openPacket(sealPacket([encodeMessage(ping)], none), third)).toThrow(refusal('decryption'));
  expect(packetOverhead(first)).toBe(0);
});

test('what is no good in a compound is left out and told, the rest counts', () => {
  const dropped: WireError[] = [];
  const parts = [
    encodeMessage(ping),
    Uint8Array.of(99),
    Uint8Array.of(),
    Uint8Array.of(TYPE.alive, 0xc1),
    encodeMessage(suspect),
  ];
  const [compound] = joinParts([...parts, new Uint8Array(50)]);
  const messages = openPacket(compound!.subarray(0, -1), { ...plain, dropped: (error) => dropped.push(error) });
  expect(messages).toEqual([ping, suspect]);
  expect(dropped.map(({ reason }) => reason)).toEqual(['unknown-type', 'truncated', 'malformed', 'truncated']);
  expect(openPacket(compound!.subarray(0, -1), plain)).toEqual([ping, suspect]);
});

test('compounds and compressions may be inside one another, to a depth', () => {
  let packet = encodeMessage(ping);
  for (let i = 0; i < 4; i++) packet = pack(joinParts([packet])[0]!);
  expect(openPacket(packet, plain)).toEqual([ping]);
  const dropped: WireError[] = [];
  expect(openPacket(pack(joinParts([packet])[0]!), { ...plain, dropped: (error) => dropped.push(error) })).toEqual([]);
  expect(dropped[0]!.message).toContain('nested');
});

test('compounds that hold compounds give no more than 1,024 messages', () => {
  const nack = encodeMessage({ type: 'nack', seqNo: 1 });
  const inner = joinParts(Array.from({ length: 255 }, () => nack))[0]!;
  expect(openPacket(joinParts([inner, inner, inner, inner])[0]!, plain)).toHaveLength(1020);
  const many = joinParts(Array.from({ length: 5 }, () => inner))[0]!;
  expect(() => openPacket(many, plain)).toThrow(refusal('too-many-parts'));
});

test('what one packet expands to is bounded over all its parts, and an unknown algorithm is refused', () => {
  const large = pack(encodeMessage({ type: 'user', payload: new Uint8Array(200_000) }));
  expect(openPacket(large, plain)[0]).toHaveProperty('payload.length', 200_000);
  const dropped: WireError[] = [];
  const bombs = joinParts([large, large, large, encodeMessage(ping)])[0]!;
  const messages = openPacket(bombs, { ...plain, dropped: (error) => dropped.push(error) });
  expect(messages.map(({ type }) => type)).toEqual(['user', 'ping']);
  expect(dropped.map(({ reason }) => reason)).toEqual(['too-large', 'too-large']);
  const bomb = Uint8Array.of(
    TYPE.compressed,
    0x81,
    0xa3,
    ...Buffer.from('Buf'),
    ...raw16(compress(new Uint8Array(9_000_000))),
  );
  expect(() => openPacket(bomb, plain)).toThrow(refusal('too-large'));
  const algorithm = Uint8Array.of(TYPE.compressed, 0x81, 0xa4, ...Buffer.from('Algo'), 1);
  expect(() => openPacket(algorithm, plain)).toThrow(refusal('unknown-algorithm'));
});

function raw16(bytes: Uint8Array): number[] {
  return [0xda, bytes.length >> 8, bytes.length & 0xff, ...bytes];
}

const refusalOfAny = expect.objectContaining({ name: 'WireError' });

function refusal(reason: WireReason): unknown {
  return expect.objectContaining({ name: 'WireError', reason });
}
