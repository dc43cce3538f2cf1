/**
 * What it costs to write and read messages, packets and states; and what checksums, compression and encryption add.
 *
 * A ping is what each member sends each second. A full packet holds as many members as fit 1,400 bytes. A state is what
 * two members exchange of a thousand.
 */
import { randomBytes } from 'node:crypto';
import { decodeMessage, encodeMessage, encodeStreamMessage } from '../src/wire/codec.ts';
import { COMPOUND_HEAD, COMPOUND_PART } from '../src/wire/compound.ts';
import { Keyring } from '../src/wire/keyring.ts';
import type { Alive, NodeState, PacketMessage, Suspect } from '../src/wire/message.ts';
import { type OpenOptions, openPacket, type SealOptions, sealPacket } from '../src/wire/packet.ts';
import { openStream, sealStream } from '../src/wire/stream.ts';

const PACKET = 1400;
const STATE = 1000;
/** How long each figure is measured, ms. */
const DURATION = Number(process.env.DURATION ?? 700);

const alive = (i: number): Alive => ({
  type: 'alive',
  incarnation: 1_790_000_000 + i,
  node: `host-${String(i).padStart(4, '0')}.example`,
  addr: Uint8Array.of(10, 0, i >> 8, i),
  port: 7679,
  meta: Uint8Array.of(0xff, 0x82, ...text('role'), ...text('agent'), ...text('v'), ...text(`1.${i % 7}`)),
  vsn: Uint8Array.of(1, 5, 2, 2, 5, 5),
});
const ping: PacketMessage = {
  type: 'ping',
  seqNo: 70_000,
  node: 'host-0001.example',
  sourceAddr: Uint8Array.of(10, 0, 0, 2),
  sourcePort: 7679,
  sourceNode: 'host-0002.example',
};
const suspect: Suspect = {
  type: 'suspect',
  incarnation: 1_790_000_000,
  node: 'host-0001.example',
  from: 'host-0002.example',
};

const plain = {
  label: '',
  keyring: null,
  compress: false,
  checksum: false,
  verifyIncoming: true,
  verifyOutgoing: true,
};
const layers: Record<string, SealOptions & OpenOptions & { readonly checksum: boolean }> = {
  plain,
  label: { ...plain, label: 'blue' },
  checksum: { ...plain, checksum: true },
  compression: { ...plain, compress: true },
  'AES-128': { ...plain, keyring: new Keyring([randomBytes(16)]) },
  'AES-256': { ...plain, keyring: new Keyring([randomBytes(32)]) },
  'second of two keys': { ...plain, keyring: new Keyring([randomBytes(32), randomBytes(32)]) },
  'AES-256, checksum and compression': {
    ...plain,
    keyring: new Keyring([randomBytes(32)]),
    checksum: true,
    compress: true,
  },
};

console.log('one message, a second on one core');
for (const message of [alive(1), ping, suspect]) {
  const encoded = encodeMessage(message);
  const [write, read, both] = [
    microseconds(() => encodeMessage(message)),
    microseconds(() => decodeMessage(encoded)),
    microseconds(() => decodeMessage(encodeMessage(message))),
  ];
  row(message.type, `${encoded.length} bytes`, `write ${rate(write)}`, `read ${rate(read)}`, `both ${rate(both)}`);
}

for (const [name, parts] of [
  ['ping', [encodeMessage(ping)]],
  [`packet of ${PACKET} bytes`, fullPacket()],
] as const) {
  console.log(`\n${name}: ${parts.length === 1 ? 'one message' : `${parts.length} members`}`);
  for (const [layer, options] of Object.entries(layers)) {
    const packet = sealPacket(parts, options);
    const second = layer === 'second of two keys';
    const readable = second
      ? sealPacket(parts, { ...options, keyring: new Keyring([options.keyring!.keys[1]!]) })
      : packet;
    const seal = microseconds(() => sealPacket(parts, options));
    const open = microseconds(() => openPacket(readable, options));
    row(layer, `${packet.length} bytes`, `write ${micro(seal)}`, `read ${micro(open)}`, `both ${rate(seal + open)}`);
  }
}

console.log(`\nstate of ${STATE} members`);
const nodes = Array.from({ length: STATE }, (_, i): NodeState => {
  const { node: name, type: _type, ...rest } = alive(i);
  return { name, state: 'alive', ...rest };
});
const state = { type: 'pushPull', join: false, nodes, userState: new Uint8Array(0) } as const;
for (const layer of ['plain', 'compression', 'AES-256', 'AES-256, checksum and compression']) {
  const options = { ...layers[layer]!, dialling: false };
  const stream = sealStream(encodeStreamMessage(state), options);
  const seal = microseconds(() => sealStream(encodeStreamMessage(state), options));
  const open = microseconds(() => openStream(stream, options));
  const name = layer.replace(', checksum', '');
  row(name, `${stream.length} bytes`, `write ${micro(seal)}`, `read ${micro(open)}`, `both ${rate(seal + open)}`);
}

function fullPacket(): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let length = COMPOUND_HEAD;
  for (let i = 0; ; i++) {
    const part = encodeMessage(alive(i));
    length += COMPOUND_PART + part.length;
    if (length > PACKET) return parts;
    parts.push(part);
  }
}

/** Time of one call, the best of three. */
function microseconds(call: () => unknown): number {
  return Math.min(...[1, 2, 3].map(() => measure(call)));
}

function measure(call: () => unknown): number {
  let calls = 0;
  const started = performance.now();
  let ended = started;
  for (; ended - started < DURATION / 3; ended = performance.now()) {
    for (let i = 0; i < 10; i++) call();
    calls += 10;
  }
  return ((ended - started) * 1000) / calls;
}

function row(name: string, ...cells: string[]): void {
  console.log(`  ${name.padEnd(34)}${cells.map((cell) => cell.padEnd(20)).join('')}`.trimEnd());
}

function micro(time: number): string {
  return `${time < 100 ? time.toFixed(1) : Math.round(time)} µs`;
}

function rate(time: number): string {
  return `${Math.round(1_000_000 / time).toLocaleString('en')}/s`;
}

function text(value: string): number[] {
  return [0xa0 | value.length, ...Buffer.from(value)];
}
