import { expect, test } from 'vitest';
import { nodeHost, startCluster, startNode } from './cluster.ts';
import { Simulation } from './simulation.ts';
import { Stranger } from './stranger.ts';

test('the same seed gives the same history, another seed another one', async () => {
  const [first, again, other] = [await history(1), await history(1), await history(2)];
  expect(first.length).toBeGreaterThan(100);
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
});

test('it loses as many packets as it was told', async () => {
  const { simulation, one, other } = two();
  simulation.network.loss = 0.3;
  for (let i = 0; i < 5_000; i++) one.say(other, { type: 'nack', seqNo: i });
  await simulation.run(10);
  expect(other.heard.length / 5_000).toBeCloseTo(0.7, 1);
});

test('packets take their time, each another one', async () => {
  const simulation = new Simulation({ seed: 1, latency: { least: 10, spread: 20 } });
  const [one, other] = [new Stranger(simulation, '10.0.0.1'), new Stranger(simulation, '10.0.0.2')];
  for (let i = 0; i < 5_000; i++) one.say(other, { type: 'nack', seqNo: i });
  await simulation.run(9.9);
  expect(other.heard).toHaveLength(0);
  await simulation.run(10.1);
  expect(other.heard.length / 5_000).toBeCloseTo(0.5, 1);
  await simulation.run(10);
  expect(other.heard).toHaveLength(5_000);
});

test('what is cut off is cut one way or both, and streams end by their timeout', async () => {
  const { simulation, one, other } = two();
  simulation.network.cut = (from) => from === one.address.host;
  one.say(other, { type: 'nack', seqNo: 1 });
  other.say(one, { type: 'nack', seqNo: 2 });
  const asked = one.ask(other, { type: 'ping', seqNo: 1, node: '' }).catch((error: Error) => error.message);
  await simulation.run(10_000);
  expect([one.heard.length, other.heard.length]).toEqual([1, 0]);
  expect(await asked).toBe('10.0.0.2 does not answer');
});

test('who is frozen neither sends nor hears, until all of it comes at once', async () => {
  const { simulation, one, other } = two();
  simulation.network.freeze(one.address.host);
  one.say(other, { type: 'nack', seqNo: 1 });
  other.say(one, { type: 'nack', seqNo: 2 });
  await simulation.run(1_000);
  expect([one.heard.length, other.heard.length]).toEqual([0, 0]);
  simulation.network.thaw(one.address.host);
  await simulation.run(2);
  expect([one.heard.length, other.heard.length]).toEqual([1, 1]);
});

test('a process that stands still wakes its timers before it reads what has arrived', async () => {
  const { simulation, one, other } = two();
  const order: string[] = [];
  const { clock } = simulation.createWorld({ host: '10.0.0.3', port: 1 });
  const sleeper = new Stranger(simulation, '10.0.0.3');
  sleeper.reply = () => {
    order.push(`packet at ${clock.now()}`);
    return null;
  };
  clock.after(100, () => order.push(`timer at ${clock.now()}`));
  simulation.stall('10.0.0.3', 500);
  one.say(sleeper, { type: 'nack', seqNo: 1 });
  await simulation.run(600);
  expect(order).toEqual(['timer at 500', 'packet at 500']);
  expect(other.heard).toEqual([]);
});

test('nodes that begin with one census keep what they learn to themselves', async () => {
  const simulation = new Simulation({ seed: 1 });
  const nodes = startCluster(simulation, 5);
  const stranger = new Stranger(simulation, '10.9.0.1');
  simulation.network.cut = (from) => from === nodeHost(0);
  stranger.say(nodes[0]!, stranger.alive());
  stranger.say(nodes[0]!, { type: 'dead', node: 'node-3', incarnation: 1, from: 'node-3' });
  await simulation.run(10);
  expect(nodes.map(({ size, up }) => [size, up])).toEqual([[6, 5], ...new Array(4).fill([5, 5])]);
});

function two() {
  const simulation = new Simulation({ seed: 1 });
  return { simulation, one: new Stranger(simulation, '10.0.0.1'), other: new Stranger(simulation, '10.0.0.2') };
}

/** All packets of a cluster that loses some, finds a failure and takes in a node. */
async function history(seed: number): Promise<string[]> {
  const simulation = new Simulation({ seed });
  const packets: string[] = [];
  simulation.network.tap = (from, to) => packets.push(`${simulation.now} ${from} ${to}`);
  simulation.network.loss = 0.1;
  const nodes = startCluster(simulation, 8, { profile: { pushPullInterval: 3_000 } });
  await nodes[3]!.stop();
  const joining = startNode(simulation, 20).join([nodes[0]!.address]);
  await simulation.run(15_000);
  await joining;
  return packets;
}
