import { beforeEach, describe, expect, test } from 'vitest';
import { type NodeOptions, nodeHost, startNode } from '../sim/cluster.ts';
import { Simulation } from '../sim/simulation.ts';
import { Stranger } from '../sim/stranger.ts';
import { Keyring } from '../wire/keyring.ts';
import { BroadcastQueue } from './broadcast-queue.ts';
import { type Joined, Memberlist } from './memberlist.ts';
import { PROFILES } from './profiles.ts';

const KEY = new Uint8Array(16).fill(7);
const OTHER_KEY = new Uint8Array(32).fill(8);

let simulation: Simulation;

beforeEach(() => {
  simulation = new Simulation({ seed: 1 });
});

describe('joining', () => {
  test('makes both sides see each other, and gossip tells the others', async () => {
    const nodes = begin(6);
    for (const node of nodes.slice(1)) expect(await join(node, nodes[0]!)).toEqual({ joined: 1, failures: [] });
    await simulation.until(() => nodes.every(({ up }) => up === 6), 5_000);
  });

  test('ends with a reason when nobody is there, or nobody answers', async () => {
    const [node, cutOff] = begin(2);
    simulation.network.cut = (_, to) => to === cutOff!.address.host;
    const joining = node!.join([{ host: '10.3.3.3', port: 7946 }, cutOff!.address]);
    await simulation.run(11_000);
    const { joined, failures } = await joining;
    expect(joined).toBe(0);
    expect(failures.map(({ message }) => message)).toEqual([
      'could not join 10.3.3.3 port 7946: 10.3.3.3 does not answer',
      'could not join 10.0.0.1 port 7946: 10.0.0.1 does not answer',
    ]);
  });

  test('one seed that answers is enough', async () => {
    const [node, other] = begin(2);
    const joining = node!.join([{ host: '10.3.3.3', port: 7946 }, other!.address]);
    await simulation.run(100);
    expect(await joining).toMatchObject({ joined: 1, failures: [expect.any(Error)] });
    expect(node!.up).toBe(2);
  });

  test('again after a crash is believed at once, with an incarnation from the clock', async () => {
    const [first, second] = await cluster(2);
    await first!.stop();
    await simulation.until(() => second!.member(first!.name)?.state === 'dead');
    const [again] = begin(1, { incarnation: 2 });
    await join(again!, second!);
    expect(second!.member(first!.name)).toMatchObject({ state: 'alive', incarnation: 2 });
  });

  test('again after a crash, with an old incarnation, refutes what the seed says', async () => {
    const [first, second] = await cluster(2, { incarnation: 50 });
    await first!.stop();
    await simulation.until(() => second!.member(first!.name)?.state === 'dead');
    const [again] = begin(1, { incarnation: 1 });
    await join(again!, second!);
    expect(again!.member(first!.name)).toMatchObject({ state: 'alive', incarnation: 51 });
    await simulation.until(() => second!.member(first!.name)?.state === 'alive', 5_000);
  });

  test('can be refused by the application, and then nobody is taken in', async () => {
    const [asking, asked] = begin(2, { delegate: { refuseMerge: () => 'not my kind' } });
    const { failures } = await join(asking!, asked!);
    expect(failures[0]?.message).toMatch(/the merge was refused: not my kind/);
    await simulation.run(5_000);
    expect([asking!.up, asked!.up]).toEqual([1, 1]);
  });

  test('one whom a node does not admit stays out, though he sees it', async () => {
    const [picky] = begin(1, { delegate: { admit: ({ name }) => name !== 'node-1' } });
    const other = startNode(simulation, 1);
    expect(await join(other, picky!)).toMatchObject({ joined: 1 });
    expect(other.up).toBe(2);
    expect(picky!.up).toBe(1);
  });

  test('from a network that is not allowed one sees others and is not seen', async () => {
    const nodes = begin(3, { allows: (host) => host !== nodeHost(3) });
    const rogue = startNode(simulation, 3);
    for (const node of [...nodes.slice(1), rogue]) await join(node, nodes[0]!);
    await simulation.run(5_000);
    expect(rogue.up).toBe(4);
    expect(nodes.map(({ up }) => up)).toEqual([3, 3, 3]);
  });

  test('over IPv6 works like any other', async () => {
    const nodes = ['fd00::1', 'fd00::2'].map((host, i) =>
      startNode(simulation, i, { world: simulation.createWorld({ host, port: 7946 }) }),
    );
    await join(nodes[1]!, nodes[0]!);
    await simulation.run(10_000);
    expect(
      nodes.map((node) =>
        node
          .members()
          .map(({ state, address }) => `${address.host} ${state}`)
          .sort(),
      ),
    ).toEqual([
      ['fd00::1 alive', 'fd00::2 alive'],
      ['fd00::1 alive', 'fd00::2 alive'],
    ]);
  });

  test('others reach a node where it says, whatever it is bound to', async () => {
    const world = simulation.createWorld({ host: nodeHost(0), port: 7946 });
    const transport = Object.create(world.transport, { address: { value: { host: '0.0.0.0', port: 7946 } } });
    transport.send = world.transport.send.bind(world.transport);
    transport.receive = world.transport.receive.bind(world.transport);
    const advertise = { host: nodeHost(0), port: 7946 };
    const node = startNode(simulation, 0, { world: { ...world, transport }, advertise });
    const other = startNode(simulation, 1);
    await join(other, node);
    await simulation.run(20_000);
    expect(other.member(node.name)).toMatchObject({ state: 'alive', address: advertise });
  });

  test.each([
    ['the application', Uint8Array.of(1, 5, 2, 2, 5, 5), Uint8Array.of(1, 5, 2, 0, 0, 0)],
    ['the protocol', Uint8Array.of(1, 2, 2, 0, 0, 0), Uint8Array.of(1, 5, 3, 0, 0, 0)],
  ])('is refused where versions of %s do not go together', async (_, one, other) => {
    const node = startNode(simulation, 0, { vsn: one });
    const { failures } = await join(startNode(simulation, 1, { vsn: other }), node);
    expect(failures[0]).toMatchObject({ code: 'incompatible' });
    expect(node.up).toBe(1);
  });

  test.each([
    [2, 1],
    [2, 3],
    [3, 2],
    [3, 1],
  ])('nodes that speak protocols %d and %d, and understand both, are one cluster', async (one, other) => {
    const nodes = [one, other].map((current, i) =>
      startNode(simulation, i, { vsn: Uint8Array.of(1, 5, current, 0, 0, 0) }),
    );
    await join(nodes[1]!, nodes[0]!);
    expect(nodes.map(({ up }) => up)).toEqual([2, 2]);
  });
});

describe('labels and keys', () => {
  const same = { label: 'blue', keyring: new Keyring([KEY]), compress: true };

  test('nodes with the same ones are a cluster', async () => {
    const nodes = await cluster(3, { security: same });
    await simulation.run(20_000);
    expect(nodes.map(({ up }) => up)).toEqual([3, 3, 3]);
    for (const { counters } of nodes) expect(counters.drops).toEqual({});
  });

  test.each([
    ['another label', { ...same, label: 'green' }],
    ['no label', { ...same, label: '' }],
    ['another key', { ...same, keyring: new Keyring([OTHER_KEY]) }],
    ['no key', { label: 'blue', keyring: null }],
  ])('with %s neither can join the other, and neither view changes', async (_, security) => {
    const [one] = begin(1, { security: same });
    const other = startNode(simulation, 1, { security });
    for (const [from, to] of [
      [one!, other],
      [other, one!],
    ] as const) {
      const { joined, failures } = await join(from, to, 11_000);
      expect(joined).toBe(0);
      expect(failures).toHaveLength(1);
    }
    expect([one!.up, other.up]).toEqual([1, 1]);
  });

  test('nothing that is not encrypted acts on a node with a key', async () => {
    const [node] = begin(1, { security: { keyring: new Keyring([KEY]) } });
    const stranger = new Stranger(simulation, '10.9.0.1');
    stranger.say(node!, stranger.alive(), { type: 'ping', seqNo: 1, node: '' });
    stranger.say(node!, { type: 'dead', node: node!.name, incarnation: 1, from: 'accuser' });
    const asked = stranger.pushPull(node!, [stranger.state()]).catch((error: Error) => error);
    await simulation.run(11_000);
    expect(await asked).toBeInstanceOf(Error);
    expect(stranger.heard).toEqual([]);
    expect(node!.size).toBe(1);
    expect(node!.member(node!.name)?.incarnation).toBe(1);
  });

  test('a live cluster gets its first key in three restarts of each node, and loses nobody', async () => {
    const keyring = () => new Keyring([KEY]);
    const stages = [
      { keyring: keyring(), verifyIncoming: false, verifyOutgoing: false },
      { keyring: keyring(), verifyIncoming: false, verifyOutgoing: true },
      { keyring: keyring(), verifyIncoming: true, verifyOutgoing: true },
    ];
    const nodes = await cluster(4);
    let incarnation = 1;
    for (const security of stages) {
      incarnation += 1_000;
      for (const [i] of nodes.entries()) {
        await nodes[i]!.stop();
        nodes[i] = startNode(simulation, i, { security, incarnation });
        await join(nodes[i]!, nodes[(i + 1) % nodes.length]!);
        await simulation.run(500);
      }
      await simulation.until(() => nodes.every(({ up }) => up === 4), 10_000);
      expect(nodes.flatMap((node) => node.members()).every(({ state }) => state === 'alive')).toBe(true);
    }
  });
});

describe('leaving', () => {
  test('is told to the others, who see that it was of its own will', async () => {
    const nodes = await cluster(5);
    const leaving = nodes[0]!.leave(10_000);
    await simulation.run(3_000);
    await leaving;
    for (const node of nodes) expect(node.member('node-0')?.state).toBe('left');
    await nodes[0]!.stop();
    await simulation.run(60_000);
    expect(nodes[1]!.counters.deaths).toBe(1);
    expect(nodes[1]!.lost).toEqual([]);
  });

  test('goes before all else that waits to be told', async () => {
    const [node] = begin(1);
    const stranger = new Stranger(simulation, '10.9.0.1');
    for (let i = 1; i < 200; i++) stranger.say(node!, stranger.alive({ node: `node-${i}` }));
    await simulation.run(2);
    const waiting = node!.queued;
    stranger.heard.length = 0;
    const leaving = node!.leave(10_000);
    await simulation.until(() => stranger.of('dead').length > 0);
    expect(stranger.heard.findIndex(({ type }) => type === 'dead')).toBe(0);
    expect(waiting).toBeGreaterThan(150);
    await simulation.run(10_000);
    await leaving;
  });

  test('ends by its timeout when nobody can be told, and at once when nobody is there', async () => {
    const [node] = await cluster(2);
    simulation.network.cut = () => true;
    const leaving = node!.leave(50);
    await simulation.run(60);
    await leaving;
    const alone = startNode(simulation, 9);
    await alone.leave(10_000);
    await expect(alone.join([])).rejects.toThrow('this node has left');
  });

  test('is not undone by what others still say', async () => {
    const [node, other] = await cluster(2);
    const leaving = node!.leave(1_000);
    await simulation.run(2_000);
    await leaving;
    await join(other!, node!);
    const stranger = new Stranger(simulation, '10.9.0.1');
    const { addr, port } = node!.member(node!.name)!;
    stranger.say(node!, stranger.alive({ node: node!.name, addr, port, incarnation: 9 }));
    await simulation.run(5);
    expect(node!.member(node!.name)?.state).toBe('left');
    expect(other!.member(node!.name)?.state).toBe('left');
  });
});

test('a node that was killed is held for dead by all', async () => {
  const nodes = await cluster(8);
  await nodes[0]!.stop();
  await simulation.until(() => nodes.slice(1).every((node) => node.member('node-0')?.state === 'dead'), 10_000);
  expect(nodes.slice(1).every(({ up }) => up === 7)).toBe(true);
});

test('what a node tells of itself reaches all, and it is told when it was', async () => {
  const nodes = await cluster(5, { meta: Uint8Array.of(1) });
  expect(nodes[0]!.member('node-3')?.meta).toEqual(Uint8Array.of(1));
  let told = false;
  nodes[3]!.setMeta(Uint8Array.of(2, 2), () => {
    told = true;
  });
  await simulation.until(() => nodes.every((node) => node.member('node-3')?.meta.length === 2), 3_000);
  await simulation.until(() => told, 10_000);
  expect(() => nodes[3]!.setMeta(new Uint8Array(513))).toThrow('a node may tell 512 bytes of itself, not 513');
});

test('user messages ride in packets to those they are for, and large ones go by streams', async () => {
  const heard: [number, string][] = [];
  const queue = new BroadcastQueue({ transmits: () => 6, capacity: 10 });
  const nodes = await cluster(4, (index) => ({
    delegate: {
      message: (payload) => heard.push([index, payload.length > 100 ? `${payload.length} bytes` : String(payload)]),
      ...(index === 0 && {
        outgoing: {
          get length() {
            return queue.length;
          },
          take: (room, overhead, most, to) => (to?.name === 'node-2' ? queue.take(room, overhead, most) : []),
        },
      }),
    },
  }));
  queue.add({ message: Uint8Array.of(1, 2, 3) });
  await simulation.until(() => queue.length === 0, 60_000);
  await simulation.run(10);
  expect(new Set(heard.map(String))).toEqual(new Set(['2,1,2,3']));
  heard.length = 0;
  nodes[0]!.send(nodes[3]!, Uint8Array.of(9));
  const delivered = nodes[0]!.deliver(nodes[1]!.address, new Uint8Array(100_000));
  await simulation.run(50);
  await delivered;
  expect(heard).toEqual([
    [3, '9'],
    [1, '100000 bytes'],
  ]);
});

test('what the application keeps travels with each push/pull, both ways', async () => {
  const merged: string[] = [];
  const nodes = begin(2, (index) => ({
    delegate: {
      state: (joining) => Uint8Array.of(index, Number(joining)),
      mergeState: (state, joining) => merged.push(`${index} had ${state} ${joining}`),
    },
  }));
  await join(nodes[0]!, nodes[1]!);
  expect(merged.sort()).toEqual(['0 had 1,1 true', '1 had 0,1 true']);
  merged.length = 0;
  nodes[1]!.resync();
  await simulation.run(50);
  expect(merged.sort()).toEqual(['0 had 1,0 false', '1 had 0,0 false']);
});

test('an application that throws harms nobody', async () => {
  const fails = () => {
    throw new Error('no');
  };
  const nodes = begin(3, {
    delegate: { event: fails, message: fails, state: fails, mergeState: fails, pinged: fails },
  });
  for (const node of nodes.slice(1)) await join(node, nodes[0]!);
  await simulation.run(20_000);
  expect(nodes.map(({ up }) => up)).toEqual([3, 3, 3]);
  expect(nodes[0]!.counters.delegateErrors).toBeGreaterThan(0);
  expect(nodes[0]!.counters.drops).toEqual({});
});

test('gossip goes to the dead for a while, and not at all to those who left', async () => {
  const [node] = begin(1, { profile: { probeInterval: 1_000_000, probeTimeout: 500_000, pushPullInterval: 0 } });
  const [dead, left] = [new Stranger(simulation, '10.9.0.1'), new Stranger(simulation, '10.9.0.2')];
  for (const one of [dead, left]) one.say(node!, one.alive());
  await simulation.run(10);
  dead.say(node!, { type: 'dead', node: dead.name, incarnation: 1, from: 'accuser' });
  left.say(node!, { type: 'dead', node: left.name, incarnation: 1, from: left.name });
  await simulation.run(5_000);
  expect(dead.of('dead').map(({ node: name }) => name)).toContain(dead.name);
  expect(left.of('dead')).toEqual([]);
  await simulation.run(26_000);
  dead.heard.length = 0;
  node!.setMeta(Uint8Array.of(1));
  await simulation.run(5_000);
  expect(dead.heard).toEqual([]);
});

test('the dead are told of their death for a while, and can refute it', async () => {
  const nodes = await cluster(4);
  simulation.network.cut = (from, to) => from === nodes[3]!.address.host || to === nodes[3]!.address.host;
  await simulation.until(() => nodes[0]!.member('node-3')?.state === 'dead', 20_000);
  simulation.network.cut = () => false;
  await simulation.until(() => nodes.every(({ up }) => up === 4), 10_000);
});

test('two sides of a partition find each other again, long after they have forgotten each other', async () => {
  const nodes = await cluster(6);
  const side = (host: string) => Number(host.split('.').at(-1)) < 3;
  simulation.network.cut = (from, to) => side(from) !== side(to);
  await simulation.run(600_000);
  expect(nodes.map(({ size }) => size)).toEqual([3, 3, 3, 3, 3, 3]);
  simulation.network.cut = () => false;
  await simulation.until(() => nodes.every(({ up }) => up === 6), 90_000);
});

test('whom a node has given up it looks for no more', async () => {
  const nodes = await cluster(2);
  await nodes[1]!.stop();
  await simulation.until(() => nodes[0]!.lost.length === 1, 30_000);
  await simulation.run(120_000);
  const { streamsOut } = nodes[0]!.counters;
  expect(streamsOut).toBeGreaterThan(1);
  nodes[0]!.giveUp('node-1');
  expect(nodes[0]!.lost).toEqual([]);
  await simulation.run(120_000);
  expect(nodes[0]!.counters.streamsOut).toBe(streamsOut);
});

test('a checksum is there for those who understand it, and a packet that was damaged is dropped', async () => {
  const [node] = begin(1);
  const stranger = new Stranger(simulation, '10.9.0.1');
  const old = new Stranger(simulation, '10.9.0.2');
  stranger.say(node!, stranger.alive());
  old.say(node!, old.alive({ vsn: Uint8Array.of(1, 4, 2, 0, 0, 0) }));
  await simulation.run(3_000);
  expect(stranger.packets.every(([first]) => first === 12)).toBe(true);
  expect(old.packets.length).toBeGreaterThan(0);
  expect(old.packets.some(([first]) => first === 12)).toBe(false);
  const damaged = stranger.packets[0]!.slice();
  damaged[damaged.length - 1]! ^= 1;
  stranger.sayBytes(node!, damaged);
  await simulation.run(10);
  expect(node!.counters.drops).toEqual({ checksum: 1 });
});

test('packets are no longer than they should be, however much there is to tell', async () => {
  const [node] = begin(1, { profile: { packetSize: 1_000 }, security: { label: 'blue', keyring: new Keyring([KEY]) } });
  const stranger = new Stranger(simulation, '10.9.0.1', { label: 'blue', keyring: new Keyring([KEY]) });
  for (let i = 0; i < 200; i++)
    stranger.say(node!, stranger.alive({ node: `node-${i + 10}`, meta: new Uint8Array(i) }));
  stranger.say(node!, stranger.alive());
  await simulation.run(20_000);
  const lengths = stranger.packets.map(({ length }) => length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(1_005);
  expect(Math.max(...lengths)).toBeGreaterThan(900);
});

test('a push/pull answers with all it knows, and what comes garbled is told to be', async () => {
  const nodes = await cluster(3);
  const stranger = new Stranger(simulation, '10.9.0.1');
  const asked = stranger.pushPull(nodes[0]!, [stranger.state()], true);
  const garbled = stranger.ask(nodes[0]!, { type: 'error', error: 'what?' }).catch((error: Error) => error.message);
  await simulation.run(50);
  expect((await asked).nodes.map(({ name }) => name).sort()).toEqual(['node-0', 'node-1', 'node-2']);
  expect(await garbled).toBe('the stream ended before its answer was whole');
  expect(nodes[0]!.member(stranger.name)?.state).toBe('alive');
});

test.each([
  [{ name: '' }, 'a node’s name has 1 to 256 bytes'],
  [{ name: 'ü'.repeat(129) }, 'a node’s name has 1 to 256 bytes'],
  [{ meta: new Uint8Array(513) }, 'a node may tell 512 bytes of itself, not 513'],
  [{ incarnation: 0 }, 'an incarnation is a whole number in [1, 2^32), not 0'],
  [{ vsn: Uint8Array.of(1, 2) }, 'no versions of a node: 1,2'],
])('options that cannot be are refused: %o', (wrong, message) => {
  const world = simulation.createWorld({ host: '10.0.0.1', port: 7946 });
  const options = { name: 'node', world, profile: PROFILES.lan, incarnation: 1, ...wrong };
  expect(() => new Memberlist(options)).toThrow(message.replace('’', "'"));
});

type Options = NodeOptions | ((index: number) => NodeOptions);

function begin(n: number, options: Options = {}): Memberlist[] {
  return Array.from({ length: n }, (_, index) =>
    startNode(simulation, index, typeof options === 'function' ? options(index) : options),
  );
}

/** Nodes that have found each other. */
async function cluster(n: number, options: Options = {}): Promise<Memberlist[]> {
  const nodes = begin(n, options);
  for (const node of nodes.slice(1)) await join(node, nodes[0]!);
  await simulation.until(() => nodes.every(({ up, queued }) => up === n && queued === 0), 30_000);
  return nodes;
}

async function join(node: Memberlist, seed: Memberlist, within = 50): Promise<Joined> {
  const joining = node.join([seed.address]);
  await simulation.run(within);
  return joining;
}
