import { beforeEach, describe, expect, test } from 'vitest';
import { startNode } from '../sim/cluster.ts';
import { Simulation } from '../sim/simulation.ts';
import { Stranger } from '../sim/stranger.ts';
import type { IndirectPing, PacketMessage, Ping } from '../wire/message.ts';
import type { Memberlist } from './memberlist.ts';
import type { Profile } from './profiles.ts';

let simulation: Simulation;

beforeEach(() => {
  simulation = new Simulation({ seed: 1 });
});

describe('a probe', () => {
  test('that is answered keeps its target alive, and tells how long it took', async () => {
    const rtts: number[] = [];
    const { node, target } = await meet({ pinged: (rtt) => rtts.push(rtt) });
    target.reply = ack;
    await simulation.run(10_000);
    expect(node.member(target.name)?.state).toBe('alive');
    const pings = target.of('ping');
    expect(pings.length).toBeGreaterThanOrEqual(9);
    expect(pings.every((ping) => ping.node === target.name && ping.sourceNode === node.name)).toBe(true);
    const seqNos = pings.map(({ seqNo }) => seqNo);
    expect(seqNos).toEqual(seqNos.map((_, i) => seqNos[0]! + i));
    expect(rtts.every((rtt) => rtt > 0 && rtt < 10)).toBe(true);
    expect(rtts).toHaveLength(pings.length);
  });

  test('of a silent target asks others and a stream, then accuses', async () => {
    const { node, target, relays } = await meet({ relays: 5 });
    for (const relay of relays) relay.reply = ack;
    const streams: string[] = [];
    target.replyToStream = (message) => {
      streams.push(message.type);
      return null;
    };
    await simulation.until(() => node.member(target.name)?.state === 'suspect');
    const asked = relays.flatMap((relay) => relay.of('indirectPing'));
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map(({ seqNo }) => seqNo))).toEqual(new Set([target.of('ping')[0]!.seqNo]));
    expect(asked.every((request) => request.node === target.name && request.nack)).toBe(true);
    expect(streams).toContain('ping');
    await simulation.until(() => relays.some((relay) => relay.of('suspect').length > 0));
    expect(relays.flatMap((relay) => relay.of('suspect'))[0]).toMatchObject({ node: target.name, from: node.name });
  });

  test('that a relay answers finds its target alive', async () => {
    const { node, target, relays } = await meet({ relays: 1 });
    relays[0]!.reply = (message) =>
      message.type === 'indirectPing' ? { type: 'ack', seqNo: message.seqNo, payload: null } : ack(message);
    await simulation.run(10_000);
    expect(target.of('ping').length).toBeGreaterThan(2);
    expect(node.member(target.name)?.state).toBe('alive');
    expect(node.counters.suspicions).toBe(0);
  });

  test('finds a target alive that answers streams but no packets, and warns', async () => {
    const warnings: string[] = [];
    const { node, target } = await meet({ warn: (text) => warnings.push(text) });
    target.replyToStream = (message) =>
      message.type === 'ping' ? { type: 'ack', seqNo: message.seqNo, payload: null } : null;
    await simulation.run(10_000);
    expect(node.member(target.name)?.state).toBe('alive');
    expect(node.health).toBe(0);
    expect(node.counters.streamPingsOnly).toBeGreaterThan(2);
    expect(warnings[0]).toMatch(/answers streams but no packets.*UDP/);
  });

  test.each([
    ['the stream answers another ping', { seqNo: 99 }],
    ['the stream answers something else', { type: 'error', error: 'no' }],
  ])('fails when %s', async (_, answer) => {
    const { node, target } = await meet({});
    target.replyToStream = (message) =>
      message.type === 'ping' ? ({ type: 'ack', seqNo: message.seqNo, payload: null, ...answer } as never) : null;
    await simulation.until(() => node.member(target.name)?.state === 'suspect');
  });

  test.each([
    ['streams are not to be used', { streamPing: false }, 5],
    ['the target is too old for them', {}, 2],
  ])('asks no stream when %s', async (_, profile, protocol) => {
    const { node, target } = await meet({ profile, protocol });
    const streams: string[] = [];
    target.replyToStream = (message) => {
      streams.push(message.type);
      return message.type === 'ping' ? { type: 'ack', seqNo: message.seqNo, payload: null } : null;
    };
    await simulation.until(() => node.member(target.name)?.state === 'suspect');
    expect(streams).toEqual([]);
  });

  test('tells a suspect what it is accused of, with the ping and nothing else', async () => {
    const { node, target } = await meet({});
    target.say(node, { type: 'suspect', node: target.name, incarnation: 1, from: 'accuser' });
    await simulation.run(5);
    target.heard.length = target.packets.length = 0;
    target.reply = (message) =>
      message.type === 'suspect' && message.from === node.name ? target.alive({ incarnation: 2 }) : ack(message);
    const packets = () => target.packets.map(() => target.heard);
    await simulation.until(() => target.of('ping').length > 0);
    expect(packets().length).toBeGreaterThan(0);
    const at = target.heard.findIndex(({ type }) => type === 'ping');
    expect(target.heard[at + 1]).toMatchObject({ type: 'suspect', from: node.name, incarnation: 1 });
    target.say(node, target.alive({ incarnation: 2 }));
    await simulation.run(100);
    expect(node.member(target.name)).toMatchObject({ state: 'alive', incarnation: 2 });
    await simulation.run(60_000);
    expect(node.member(target.name)?.state).toBe('alive');
  });

  test('that could not be sent because of this machine accuses nobody', async () => {
    const { node, target } = await meet({ sending: 'local' });
    await simulation.run(20_000);
    expect(node.counters.probes).toBeGreaterThan(10);
    expect(node.member(target.name)?.state).toBe('alive');
    expect(node.health).toBe(0);
  });

  test('that could not be sent because the target is down asks others at once', async () => {
    const { target, relays } = await meet({ sending: 'unreachable', relays: 2 });
    await simulation.until(() => target.pingsUnsent > 0);
    const asked = () => relays.some((relay) => relay.of('indirectPing').some(({ node }) => node === target.name));
    await simulation.until(asked, 20);
  });

  test('goes to no member that is dead or has left, and to each of the others in a round', async () => {
    const { node, target, relays } = await meet({ relays: 4 });
    const [dead, left, ...alive] = relays;
    for (const one of [target, ...relays]) one.reply = ack;
    target.say(node, { type: 'dead', node: dead!.name, incarnation: 1, from: 'accuser' });
    target.say(node, { type: 'dead', node: left!.name, incarnation: 1, from: left!.name });
    await simulation.run(20_000);
    const before = [dead!, left!].map((one) => one.of('ping').length);
    for (const one of [target, ...alive]) one.heard.length = 0;
    await simulation.run(12_000);
    expect([dead!, left!].map((one) => one.of('ping').length)).toEqual(before);
    const counts = [target, ...alive].map((one) => one.of('ping').length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  });
});

describe('the health score', () => {
  test.each<[string, { silent?: number; relays?: number; protocol?: number }, number]>([
    ['stays when all relays say that they asked in vain', { silent: 0 }, 0],
    ['rises by one for each that does not', { silent: 1 }, 1],
    ['rises by one when there is none that could', { relays: 0 }, 1],
    ['rises by one when relays are too old to say so', { protocol: 3, silent: 3 }, 1],
  ])('%s', async (_, { silent = 0, relays: count = 3, protocol = 5 }, score) => {
    const scores: number[] = [];
    const { node, relays } = await meet({ relays: count, protocol, failed: () => scores.push(node.health) });
    for (const [i, relay] of relays.entries()) {
      relay.reply = (message) => {
        if (message.type === 'ping') return ack(message);
        return message.type === 'indirectPing' && i >= silent ? { type: 'nack', seqNo: message.seqNo } : null;
      };
    }
    await simulation.until(() => scores.length > 0);
    expect(scores).toEqual([score]);
  });

  test('gives a target more time, and falls with each success', async () => {
    const { node, target } = await meet({ profile: { streamPing: false, suspicionMult: 1_000 } });
    await simulation.until(() => node.health === 1);
    // The next probe has begun at that moment.
    expect(await simulation.until(() => node.health === 2)).toBeCloseTo(2_000, -2);
    expect(await simulation.until(() => node.health === 3)).toBeCloseTo(3_000, -2);
    target.reply = ack;
    await simulation.run(8_000);
    expect(node.health).toBe(0);
  });
});

describe('a relay', () => {
  const request = { type: 'indirectPing', seqNo: 77, port: 7946, nack: true } as const;

  test('pings for another, and gives the ack the number that was asked with', async () => {
    const { node, target, relays } = await meet({ relays: 1 });
    const [asker] = relays;
    target.reply = ack;
    asker!.say(node, { ...request, node: target.name, target: target.state().addr });
    await simulation.run(20);
    expect(asker!.of('ack')).toEqual([{ type: 'ack', seqNo: 77, payload: null }]);
    expect(target.of('ping').at(-1)).toMatchObject({ node: target.name, sourceNode: node.name });
    await simulation.run(2_000);
    expect(asker!.of('nack')).toEqual([]);
  });

  test('says that the target is silent after its own time, if it was asked to', async () => {
    const { node, target, relays } = await meet({ relays: 1 });
    const [asker] = relays;
    asker!.reply = ack;
    asker!.say(node, { ...request, node: target.name, target: target.state().addr });
    asker!.say(node, { ...request, seqNo: 78, nack: false, node: target.name, target: target.state().addr });
    expect(await simulation.until(() => asker!.of('nack').length > 0)).toBeCloseTo(500, -2);
    await simulation.run(2_000);
    expect(asker!.of('nack')).toEqual([{ type: 'nack', seqNo: 77 }]);
  });

  test('answers where the request says', async () => {
    const { node, target, relays } = await meet({ relays: 2 });
    const [asker, other] = relays;
    target.reply = ack;
    const source = { sourceAddr: other!.state().addr, sourcePort: 7946 };
    asker!.say(node, { ...request, ...source, node: target.name, target: target.state().addr } as IndirectPing);
    await simulation.run(20);
    expect(other!.of('ack')).toHaveLength(1);
    expect(asker!.of('ack')).toHaveLength(0);
  });

  test('has only so many pings on their way', async () => {
    const { node, target, relays } = await meet({ relays: 1 });
    for (let seqNo = 0; seqNo < 1_100; seqNo++) {
      relays[0]!.say(node, { ...request, seqNo, node: target.name, target: target.state().addr });
    }
    await simulation.run(10);
    expect(node.counters.drops['relay-full']).toBe(1_100 - 1_024);
    await simulation.run(1_000);
    relays[0]!.say(node, { ...request, node: target.name, target: target.state().addr });
    await simulation.run(10);
    expect(node.counters.drops['relay-full']).toBe(1_100 - 1_024);
  });
});

describe('a ping', () => {
  test('is acknowledged, in a compound too, unless another node is meant', async () => {
    const { node, target } = await meet({});
    const ping = (seqNo: number, name: string): Ping => ({ type: 'ping', seqNo, node: name });
    target.say(node, ping(1, node.name));
    target.say(node, ping(2, node.name), ping(3, ''), ping(4, node.name));
    target.say(node, ping(5, 'somebody-else'));
    await simulation.run(10);
    expect(
      target
        .of('ack')
        .map(({ seqNo }) => seqNo)
        .sort(),
    ).toEqual([1, 2, 3, 4]);
    expect(node.counters.drops['wrong-node']).toBe(1);
  });

  test('over a stream is acknowledged, unless another node is meant', async () => {
    const { node, target } = await meet({});
    const asked = [node.name, 'somebody-else'].map((name) =>
      target.ask(node, { type: 'ping', seqNo: 9, node: name }).catch((error: Error) => error.message),
    );
    await simulation.run(50);
    expect(await Promise.all(asked)).toEqual([
      { type: 'ack', seqNo: 9, payload: null },
      'the stream ended before its answer was whole',
    ]);
  });

  test('takes what waits to be told along with its ack', async () => {
    const { node, target } = await meet({});
    await simulation.until(() => node.queued === 0);
    await simulation.run(5);
    target.heard.length = 0;
    target.say(node, target.alive({ node: 'news' }), { type: 'ping', seqNo: 1, node: node.name });
    await simulation.run(2);
    expect(target.heard.map(({ type }) => type)).toEqual(['ack', 'alive']);
  });

  test('of the application’s own tells the round trip, or that there was no answer', async () => {
    const { node, target } = await meet({});
    const silent = node.ping(target).catch((error: Error) => error.message);
    await simulation.run(600);
    expect(await silent).toBe(`${target.name} did not answer within 500 ms`);
    target.reply = ack;
    const answered = node.ping(target);
    await simulation.run(20);
    expect(await answered).toBeGreaterThan(0);
  });
});

describe('a process that stands still', () => {
  test('accuses nobody of the silence', async () => {
    const { node, target, relays } = await meet({ relays: 3 });
    for (const one of [target, ...relays]) one.reply = ack;
    await simulation.run(3_000);
    for (let stall = 0; stall < 5; stall++) {
      let stalled = false;
      simulation.network.tap = (from) => {
        if (from !== node.address.host || stalled) return;
        stalled = true;
        simulation.stall(from, 800);
      };
      await simulation.until(() => stalled);
      await simulation.run(4_000);
      // It did badly, and then well.
      expect(node.health).toBe(0);
    }
    expect(node.counters.stalls).toBe(5);
    expect(node.counters.probesFailed).toBe(0);
    expect(node.counters.suspicions).toBe(0);
  });

  test('still asks others before it accuses', async () => {
    const { node, target, relays } = await meet({ relays: 1 });
    relays[0]!.reply = (message) =>
      message.type === 'indirectPing' ? { type: 'ack', seqNo: message.seqNo, payload: null } : ack(message);
    await simulation.until(() => target.of('ping').length > 0);
    simulation.stall(node.address.host, 3_000);
    await simulation.run(10_000);
    expect(node.counters.stalls).toBeGreaterThan(0);
    expect(node.counters.suspicions).toBe(0);
  });

  test('gives suspects their time before it holds them for dead', async () => {
    const { node, target } = await meet({});
    await simulation.until(() => node.member(target.name)?.state === 'suspect');
    simulation.stall(node.address.host, 120_000);
    target.reply = ack;
    await simulation.run(119_000);
    target.say(node, target.alive({ incarnation: 2 }));
    await simulation.run(10_000);
    expect(node.member(target.name)).toMatchObject({ state: 'alive', incarnation: 2 });
    expect(node.counters.deaths).toBe(0);
  });
});

interface Setting {
  readonly relays?: number;
  readonly protocol?: number;
  readonly profile?: Partial<Profile>;
  readonly sending?: 'unreachable' | 'local';
  readonly pinged?: (rtt: number) => void;
  readonly warn?: (text: string) => void;
  readonly failed?: () => void;
}

class Target extends Stranger {
  /** Pings to it that could not be sent. */
  pingsUnsent = 0;
}

/** A node that knows a target, which is silent, and others who are silent, too. */
async function meet({ relays: count = 0, protocol = 5, profile = {}, sending, pinged, warn, failed }: Setting) {
  const vsn = Uint8Array.of(1, protocol, 2, 0, 0, 0);
  const target = new Target(simulation, '10.9.0.1');
  const relays = Array.from({ length: count }, (_, i) => new Stranger(simulation, `10.9.1.${i}`));
  const world = simulation.createWorld({ host: '10.0.0.0', port: 7946 });
  const { transport } = world;
  const node: Memberlist = startNode(simulation, 0, {
    profile: { pushPullInterval: 0, reconnectInterval: 0, ...profile },
    delegate: { pinged: (_member, rtt) => pinged?.(rtt) },
    log(level, text) {
      if (level === 'warn') warn?.(text);
      if (text.includes('did not answer a probe')) failed?.();
    },
    world: {
      ...world,
      transport: {
        address: transport.address,
        receive: (receiver) => transport.receive(receiver),
        exchange: (...exchange) => transport.exchange(...exchange),
        deliver: (...delivery) => transport.deliver(...delivery),
        close: () => transport.close(),
        send(packet, to, lost) {
          if (!sending || to.host !== target.address.host) return transport.send(packet, to, lost);
          if (lost) target.pingsUnsent++;
          lost?.(sending);
        },
      },
    },
  });
  for (const one of [target, ...relays]) one.say(node, one.alive({ vsn }));
  await simulation.run(5);
  return { node, target, relays };
}

function ack(message: PacketMessage): PacketMessage | null {
  return message.type === 'ping' ? { type: 'ack', seqNo: message.seqNo, payload: null } : null;
}
