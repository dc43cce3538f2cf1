import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { startNode } from '../sim/cluster.ts';
import { Simulation } from '../sim/simulation.ts';
import { Stranger } from '../sim/stranger.ts';
import { encodeMessage, encodeStreamMessage } from '../wire/codec.ts';
import { Keyring } from '../wire/keyring.ts';
import { sealPacket } from '../wire/packet.ts';

const PLAIN = { label: '', keyring: null, compress: true, verifyOutgoing: true };

describe.each([
  ['in plain', {}],
  ['with a key', { keyring: new Keyring([new Uint8Array(32)]) }],
])('a node %s', (_, security) => {
  test('outlives whatever bytes come, as packets and by streams', async () => {
    const simulation = new Simulation({ seed: 1 });
    const node = startNode(simulation, 0, { security });
    const stranger = new Stranger(simulation, '10.9.0.1');
    const good = [
      sealPacket([encodeMessage(stranger.alive()), encodeMessage({ type: 'ping', seqNo: 1, node: '' })], {
        ...PLAIN,
        checksum: false,
      }),
      encodeStreamMessage({ type: 'pushPull', join: true, nodes: [stranger.state()], userState: new Uint8Array(9) }),
    ];
    const damaged = fc
      .record({
        packet: fc.constantFrom(...good),
        at: fc.nat({ max: 200 }),
        byte: fc.nat({ max: 255 }),
        length: fc.nat({ max: 300 }),
      })
      .map(({ packet, at, byte, length }) => {
        const bytes = packet.slice(0, length);
        if (at < bytes.length) bytes[at] = byte;
        return bytes;
      });
    const anything = fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged);
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { maxLength: 50 }), async (packets) => {
        for (const packet of packets) {
          stranger.sayBytes(node, packet);
          void stranger.shout(node, packet);
        }
        await simulation.run(20);
      }),
      { numRuns: 1_500 },
    );
    const { drops, packetsIn, streamsIn } = node.counters;
    expect(drops.internal).toBeUndefined();
    expect(packetsIn).toBeGreaterThan(5_000);
    expect(streamsIn).toBeGreaterThan(5_000);
    expect(node.member(node.name)?.state).toBe('alive');
    if ('keyring' in security) expect(node.size).toBe(1);
  });
});

test('what could not be read is counted by its reason, and a stream is told', async () => {
  const simulation = new Simulation({ seed: 1 });
  const node = startNode(simulation, 0);
  const stranger = new Stranger(simulation, '10.9.0.1');
  stranger.sayBytes(node, new Uint8Array(0));
  stranger.sayBytes(node, Uint8Array.of(0x80));
  stranger.sayBytes(node, Uint8Array.of(7, 200, 0));
  await simulation.run(10);
  expect(node.counters.drops).toEqual({ truncated: 2, 'unknown-type': 1 });
  const answer = stranger.shout(node, Uint8Array.of(0x80));
  await simulation.run(10);
  expect(await answer).toMatchObject({ type: 'error', error: expect.stringContaining('type 128') });
});

test('in a packet that accuses a node and clears it, in whatever order, it is cleared', async () => {
  const simulation = new Simulation({ seed: 1 });
  const node = startNode(simulation, 0);
  const stranger = new Stranger(simulation, '10.9.0.1');
  stranger.say(node, stranger.alive());
  await simulation.run(5);
  const accusation = { type: 'suspect', node: stranger.name, incarnation: 1, from: 'accuser' } as const;
  stranger.say(node, accusation, stranger.alive({ incarnation: 2 }));
  await simulation.run(5);
  expect(node.member(stranger.name)?.state).toBe('alive');
  expect(node.counters.suspicions).toBe(0);
});
