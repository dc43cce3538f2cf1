import { beforeEach, describe, expect, test } from 'vitest';
import { type NodeOptions, startNode } from '../sim/cluster.ts';
import { Simulation } from '../sim/simulation.ts';
import { Stranger } from '../sim/stranger.ts';
import { addressBytes } from './address.ts';
import type { Memberlist } from './memberlist.ts';
import type { Profile } from './profiles.ts';

let simulation: Simulation;
let stranger: Stranger;
let node: Memberlist;
let events: string[];

/** It neither probes nor forgets, so that all that happens is by what it is told. */
const STILL: Partial<Profile> = { probeInterval: 1_000_000, probeTimeout: 500_000, pushPullInterval: 0 };

beforeEach(() => {
  simulation = new Simulation({ seed: 1 });
  stranger = new Stranger(simulation, '10.9.0.1');
  node = begin();
});

describe('alive', () => {
  test('a new node joins, and others are told of it once', async () => {
    await tell(stranger.alive());
    expect(events).toEqual([`join ${stranger.name}`]);
    expect(node.member(stranger.name)).toMatchObject({ state: 'alive', incarnation: 1, address: stranger.address });
    // Besides what it tells of itself since its start.
    expect(node.queued).toBe(2);
  });

  test('what is known already changes nothing and is not told again', async () => {
    await tell(stranger.alive({ incarnation: 3 }));
    await quiet();
    await tell(stranger.alive({ incarnation: 3, meta: Uint8Array.of(1) }));
    await tell(stranger.alive({ incarnation: 2, meta: Uint8Array.of(2) }));
    expect(events).toEqual([`join ${stranger.name}`]);
    expect(node.member(stranger.name)?.meta).toHaveLength(0);
    expect(node.queued).toBe(0);
  });

  test('a suspect needs a higher incarnation to be cleared, and does not join again', async () => {
    await tell(stranger.alive());
    await tell({ type: 'suspect', node: stranger.name, incarnation: 1, from: 'accuser' });
    await tell(stranger.alive());
    expect(stateOf(stranger.name)).toBe('suspect');
    const since = node.member(stranger.name)!.since;
    await tell(stranger.alive({ incarnation: 2 }));
    expect(stateOf(stranger.name)).toBe('alive');
    expect(node.member(stranger.name)!.since).toBeGreaterThan(since);
    await simulation.run(120_000);
    expect(stateOf(stranger.name)).toBe('alive');
    expect(events).toEqual([`join ${stranger.name}`]);
  });

  test('what a node tells of itself can change', async () => {
    await tell(stranger.alive());
    await tell(stranger.alive({ incarnation: 2, meta: Uint8Array.of(7) }));
    expect(events).toEqual([`join ${stranger.name}`, `update ${stranger.name}`]);
    expect(node.member(stranger.name)?.meta).toEqual(Uint8Array.of(7));
  });

  test('what it tells anew does not change since when it is alive', async () => {
    await tell(stranger.alive());
    const { since } = node.member(stranger.name)!;
    await simulation.run(1_000);
    await tell(stranger.alive({ incarnation: 2, meta: Uint8Array.of(7) }));
    expect(node.member(stranger.name)).toMatchObject({ incarnation: 2, since });
  });

  test('who speaks no version, has no address, no name, or too much to say is not taken in', async () => {
    await tell(stranger.alive({ vsn: new Uint8Array(6) }));
    await tell(stranger.alive({ vsn: Uint8Array.of(3, 2, 2, 0, 0, 0) }));
    await tell(stranger.alive({ vsn: new Uint8Array(0) }));
    await tell(stranger.alive({ addr: new Uint8Array(5) }));
    await tell(stranger.alive({ node: '' }));
    await tell(stranger.alive({ node: 'x'.repeat(300) }));
    await tell(stranger.alive({ meta: new Uint8Array(513) }));
    expect(node.size).toBe(1);
    expect(node.counters.drops).toEqual({ 'not-admitted': 7 });
  });

  test('a full table takes in no new names', async () => {
    node = begin({ limit: 3 });
    for (let i = 0; i < 9; i++) await tell(stranger.alive({ node: `node-${i + 100}` }));
    expect(node.size).toBe(3);
    expect(node.counters.drops['table-full']).toBe(7);
  });

  test('names that nobody knows fill no table: there is still room for those who are known', async () => {
    node = begin({ isKnown: (name) => name === 'host' });
    const state = (name: string) => stranger.state({ name });
    await pushPull(Array.from({ length: 20_000 }, (_, i) => state(`made-up-${i}`)));
    expect(node.size).toBe(1_001);
    await pushPull([state('host'), state('stranger')]);
    expect([node.size, stateOf('host')]).toEqual([1_002, 'alive']);
  });

  test('without a port a node has the port of this one', async () => {
    await tell(stranger.alive({ port: 0 }));
    expect(node.member(stranger.name)?.address).toEqual(stranger.address);
  });

  test('an IPv4 address in the IPv6 form is no other address', async () => {
    await tell(stranger.alive());
    const mapped = addressBytes(`::ffff:${stranger.address.host}`);
    await tell(stranger.alive({ incarnation: 2, addr: mapped }));
    expect(node.counters.conflicts).toBe(0);
    expect(node.member(stranger.name)).toMatchObject({ incarnation: 2, addr: mapped });
  });
});

describe('a name that is taken', () => {
  const elsewhere = { addr: addressBytes('10.9.0.2') };

  test('stays with its holder while that one is alive or suspect, and the conflict is reported', async () => {
    await tell(stranger.alive());
    await tell(stranger.alive({ ...elsewhere, incarnation: 9 }));
    expect(events).toEqual([`join ${stranger.name}`, `conflict ${stranger.name} 10.9.0.1 10.9.0.2`]);
    await tell({ type: 'suspect', node: stranger.name, incarnation: 1, from: 'accuser' });
    await tell(stranger.alive({ ...elsewhere, incarnation: 9 }));
    expect(node.member(stranger.name)?.address.host).toBe('10.9.0.1');
    expect(node.counters.conflicts).toBe(2);
  });

  test('is free again once its holder is dead for the reclaim time, whatever the incarnation', async () => {
    node = begin({ profile: { reclaimTime: 10_000 } });
    await tell(stranger.alive({ incarnation: 5 }));
    await tell({ type: 'dead', node: stranger.name, incarnation: 5, from: 'accuser' });
    await simulation.run(9_000);
    await tell(stranger.alive({ ...elsewhere, incarnation: 6 }));
    expect(stateOf(stranger.name)).toBe('dead');
    await simulation.run(1_500);
    await tell(stranger.alive({ ...elsewhere, incarnation: 1 }));
    expect(node.member(stranger.name)).toMatchObject({ state: 'alive', incarnation: 1, address: { host: '10.9.0.2' } });
  });

  test('of the dead is refused for good when there is no reclaim time', async () => {
    await tell(stranger.alive());
    await tell({ type: 'dead', node: stranger.name, incarnation: 1, from: 'accuser' });
    await simulation.run(300_000);
    await tell(stranger.alive({ ...elsewhere, incarnation: 2 }));
    expect(stateOf(stranger.name)).toBe('dead');
    expect(node.counters.conflicts).toBe(1);
  });

  test('is free at once when its holder has left', async () => {
    await tell(stranger.alive({ incarnation: 5 }));
    await tell({ type: 'dead', node: stranger.name, incarnation: 5, from: stranger.name });
    await tell(stranger.alive({ ...elsewhere, incarnation: 1 }));
    expect(node.member(stranger.name)).toMatchObject({ state: 'alive', incarnation: 1, address: { host: '10.9.0.2' } });
    expect(events).toEqual([`join ${stranger.name}`, `left ${stranger.name}`, `join ${stranger.name}`]);
  });
});

describe('suspect', () => {
  test('a suspect that does not defend itself is dead after its time', async () => {
    await tell(stranger.alive());
    await tell({ type: 'suspect', node: stranger.name, incarnation: 1, from: 'accuser' });
    expect(stateOf(stranger.name)).toBe('suspect');
    expect(events).toEqual([`join ${stranger.name}`]);
    await simulation.run(4_000_000);
    expect(stateOf(stranger.name)).toBe('dead');
    expect(events).toEqual([`join ${stranger.name}`, `dead ${stranger.name}`]);
  });

  test('an unknown node is not suspected, nor one that has said something newer', async () => {
    await tell({ type: 'suspect', node: 'nobody', incarnation: 1, from: 'accuser' });
    await tell(stranger.alive({ incarnation: 5 }));
    await tell({ type: 'suspect', node: stranger.name, incarnation: 4, from: 'accuser' });
    expect(node.size).toBe(2);
    expect(stateOf(stranger.name)).toBe('alive');
  });

  test('each accuser is passed on once, and no more of them than are wanted', async () => {
    for (let i = 1; i <= 5; i++) await tell(stranger.alive({ node: `node-${i}`, addr: addressBytes(`10.9.1.${i}`) }));
    await tell(stranger.alive());
    await quiet();
    const accuse = async (from: string) => {
      await tell({ type: 'suspect', node: stranger.name, incarnation: 1, from });
      const queued = node.queued;
      await quiet();
      return queued;
    };
    expect(await accuse('a')).toBe(1);
    expect(await accuse('a')).toBe(0);
    expect(await accuse('b')).toBe(1);
    expect(await accuse('b')).toBe(0);
    expect(await accuse('c')).toBe(1);
    expect(await accuse('d')).toBe(0);
  });

  test('about itself a node tells that it is alive, and thinks worse of its health', async () => {
    await tell(stranger.alive());
    await tell({ type: 'suspect', node: node.name, incarnation: 7, from: stranger.name });
    expect(node.member(node.name)).toMatchObject({ state: 'alive', incarnation: 8 });
    expect(node.health).toBe(1);
    const told = () => stranger.of('alive').filter((message) => message.node === node.name);
    await simulation.until(() => told().some(({ incarnation }) => incarnation === 8));
  });
});

describe('dead', () => {
  test('a death is told once', async () => {
    await tell(stranger.alive());
    await tell({ type: 'dead', node: stranger.name, incarnation: 1, from: 'accuser' });
    await quiet();
    await tell({ type: 'dead', node: stranger.name, incarnation: 1, from: 'another' });
    expect(events).toEqual([`join ${stranger.name}`, `dead ${stranger.name}`]);
    expect(node.queued).toBe(0);
    expect(node.lost).toEqual([stranger.name]);
  });

  test('who says it of himself has left, and is not looked for', async () => {
    await tell(stranger.alive());
    await tell({ type: 'dead', node: stranger.name, incarnation: 1, from: stranger.name });
    expect(events).toEqual([`join ${stranger.name}`, `left ${stranger.name}`]);
    expect(stateOf(stranger.name)).toBe('left');
    expect(node.lost).toEqual([]);
  });

  test('what is old, or about nobody, is ignored', async () => {
    await tell(stranger.alive({ incarnation: 5 }));
    await tell({ type: 'dead', node: stranger.name, incarnation: 4, from: 'accuser' });
    await tell({ type: 'dead', node: 'nobody', incarnation: 4, from: 'accuser' });
    expect(stateOf(stranger.name)).toBe('alive');
    expect(node.size).toBe(2);
  });

  test('the dead do not come back by what they said before', async () => {
    await tell(stranger.alive({ incarnation: 5 }));
    await tell({ type: 'dead', node: stranger.name, incarnation: 5, from: 'accuser' });
    await tell(stranger.alive({ incarnation: 5 }));
    expect(stateOf(stranger.name)).toBe('dead');
    await tell(stranger.alive({ incarnation: 6 }));
    expect(stateOf(stranger.name)).toBe('alive');
    expect(node.lost).toEqual([]);
  });

  test('a live node does not believe its own death, nor that it has left', async () => {
    await tell({ type: 'dead', node: node.name, incarnation: 3, from: 'accuser' });
    expect(node.member(node.name)).toMatchObject({ state: 'alive', incarnation: 4 });
    await tell({ type: 'dead', node: node.name, incarnation: 4, from: node.name });
    expect(node.member(node.name)).toMatchObject({ state: 'alive', incarnation: 5 });
  });

  test('an accusation of the last incarnation there is breaks nothing', async () => {
    await tell({ type: 'dead', node: node.name, incarnation: 0xffff_ffff, from: 'accuser' });
    expect(node.member(node.name)).toMatchObject({ state: 'alive', incarnation: 0xffff_ffff });
  });

  test('nobody is accused for good: no accusation is believed that could not be answered', async () => {
    const highest = 1_000;
    node = begin({ highest: () => highest });
    await tell(stranger.alive());
    for (const type of ['dead', 'suspect'] as const) {
      await tell({ type, node: stranger.name, incarnation: highest + 1, from: 'accuser' });
      expect(stateOf(stranger.name)).toBe('alive');
    }
    await tell({ type: 'dead', node: stranger.name, incarnation: highest, from: 'accuser' });
    expect(stateOf(stranger.name)).toBe('dead');
    await tell(stranger.alive({ incarnation: highest + 1 }));
    expect(stateOf(stranger.name)).toBe('alive');
    await tell(stranger.alive({ incarnation: 0xffff_ffff, meta: Uint8Array.of(1) }));
    expect(node.member(stranger.name)?.incarnation).toBe(highest + 1);
  });
});

test('what others say of a node does not change what it is', async () => {
  await tell(stranger.alive());
  const { addr, port } = node.member(node.name)!;
  await tell({ ...stranger.alive({ node: node.name, addr, port }), incarnation: 9, meta: Uint8Array.of(6) });
  expect(node.member(node.name)).toMatchObject({ incarnation: 10, meta: new Uint8Array(0) });
  await simulation.until(() => stranger.of('alive').some(({ incarnation }) => incarnation === 10));
});

test('of another’s table, who is alive is taken in, who is dead is only suspected, who has left has left', async () => {
  for (const name of ['a', 'b', 'c', 'd']) {
    await tell(stranger.alive({ node: name, addr: addressBytes('10.9.0.3') }));
  }
  events.length = 0;
  const state = (name: string, change: object) => stranger.state({ name, addr: addressBytes('10.9.0.3'), ...change });
  await pushPull([
    state('a', { incarnation: 2 }),
    state('b', { state: 'suspect' }),
    state('c', { state: 'dead' }),
    state('d', { state: 'left' }),
    state('e', {}),
    state('f', { state: 'dead' }),
    state('g', { state: 'left' }),
  ]);
  const states = Object.fromEntries(node.members().map(({ name, state: now }) => [name, now]));
  expect(states).toEqual({ [node.name]: 'alive', a: 'alive', b: 'suspect', c: 'suspect', d: 'left', e: 'alive' });
  expect(events).toEqual(['left d', 'join e']);
});

test('whom others’ tables hold for dead this node accuses by its own word, however many tables it sees', async () => {
  await tell(stranger.alive());
  const accused = { name: 'accused', addr: addressBytes('10.9.0.3') };
  await tell(stranger.alive({ node: accused.name, addr: accused.addr }));
  for (let i = 0; i < 3; i++) await pushPull([stranger.state({ ...accused, state: 'dead' })]);
  await quiet();
  const accusers = stranger.of('suspect').map(({ from }) => from);
  expect(new Set(accusers)).toEqual(new Set([node.name]));
});

test('one who hears by its partner’s table that it is dead refutes it at once', async () => {
  const { addr } = node.member(node.name)!;
  await pushPull([stranger.state({ name: node.name, addr, state: 'dead', incarnation: 12 })]);
  expect(node.member(node.name)).toMatchObject({ state: 'alive', incarnation: 13 });
});

test('the dead and those that left are forgotten after their time, others never', async () => {
  node = begin({ profile: { probeInterval: 1_000, probeTimeout: 500, gossipToTheDead: 30_000 } });
  stranger.reply = (message) => (message.type === 'ping' ? { type: 'ack', seqNo: message.seqNo, payload: null } : null);
  await tell(stranger.alive());
  for (const name of ['dies', 'leaves']) {
    await tell(stranger.alive({ node: name, addr: addressBytes('10.9.0.3') }));
    await tell({ type: 'dead', node: name, incarnation: 1, from: name === 'dies' ? 'accuser' : name });
  }
  await simulation.run(28_000);
  expect(node.size).toBe(4);
  await simulation.run(10_000);
  expect(
    node
      .members()
      .map(({ name }) => name)
      .sort(),
  ).toEqual([node.name, stranger.name].sort());
  expect(events.slice(-2).sort()).toEqual(['forget dies', 'forget leaves']);
  expect(node.lost).toEqual(['dies']);
});

function begin({ profile, ...options }: NodeOptions = {}): Memberlist {
  events = [];
  return startNode(simulation, 0, {
    ...options,
    profile: { ...STILL, ...profile },
    delegate: {
      event: ({ type, member }) => {
        if (member.name !== 'node-0') events.push(`${type === 'leave' ? member.state : type} ${member.name}`);
      },
      conflict: (holder, claimed) => events.push(`conflict ${holder.name} ${holder.address.host} ${claimed.host}`),
    },
  });
}

async function tell(...messages: Parameters<Stranger['say']>[1][]): Promise<void> {
  stranger.say(node, ...messages);
  await simulation.run(5);
}

/** When all has been told as often as it is. */
async function quiet(): Promise<void> {
  await simulation.until(() => node.queued === 0);
}

async function pushPull(nodes: Parameters<Stranger['pushPull']>[1]): Promise<void> {
  const done = stranger.pushPull(node, nodes);
  await simulation.run(50);
  await done;
}

function stateOf(name: string): string | undefined {
  return node.member(name)?.state;
}
