// The experiments of docs/gossip-simulation.md: the very code that runs on sockets, in virtual time. Deterministic: the
// same seed prints the same tables, whatever the machine.
import { measureDetection } from '../src/sim/detection.ts';
import { measureLoad } from '../src/sim/load.ts';
import { type FalsePositives, measureFalsePositives } from '../src/sim/slow-members.ts';
import { measureSpread } from '../src/sim/spread.ts';

const SEED = 20_260_721;

await spread();
await detection();
await load();
await slowMembers();

async function spread(): Promise<void> {
  print('A change reaches all, in periods of gossip of 200 ms', [
    ['n', 'changes', 'nodes reached', 'median node', 'last node, mean', 'last node, worst', 'theory', 'packets a node'],
  ]);
  for (const loss of [0, 0.1]) {
    for (const [n, changes] of [
      [10, 50],
      [100, 50],
      [1_000, 20],
      [10_000, loss === 0 ? 5 : 2],
    ] as const) {
      const result = await measureSpread({ seed: SEED, n, changes, loss });
      const { reached, medianNode, lastNode, lastNodeMax, theory, transmits } = result;
      row(
        `${count(n)}${loss > 0 ? `, ${100 * loss} % lost` : ''}`,
        changes,
        `${(100 * reached).toFixed(3)} %`,
        medianNode.toFixed(2),
        lastNode.toFixed(2),
        lastNodeMax.toFixed(2),
        theory.toFixed(2),
        transmits,
      );
    }
  }
}

async function detection(): Promise<void> {
  print('A failure is noticed', [
    ['n', 'failures', 'first probed in period', 'theory', 'first suspected after', 'first held for dead after'],
  ]);
  for (const [n, failures] of [
    [8, 1_000],
    [16, 1_000],
    [32, 1_000],
    [64, 500],
    [128, 300],
    [256, 200],
    [1_000, 100],
  ] as const) {
    const { period, margin, theory, suspected, dead } = await measureDetection({ seed: SEED, n, failures });
    row(
      count(n),
      count(failures),
      `${period.toFixed(2)} ± ${margin.toFixed(2)}`,
      theory.toFixed(2),
      `${suspected.toFixed(2)} s`,
      `${dead.toFixed(2)} s`,
    );
  }
}

async function load(): Promise<void> {
  print('What an idle node sends, a second', [
    ['n', 'packets', 'packets, busiest node', 'bytes', 'bytes by push/pull'],
  ]);
  for (const n of [10, 32, 100, 320, 1_000]) {
    const { packets, packetsMax, packetBytes, streamBytes } = await measureLoad({ seed: SEED, n });
    row(count(n), packets.toFixed(2), packetsMax.toFixed(2), packetBytes.toFixed(0), streamBytes.toFixed(0));
  }
}

/** Each number of slow members, with each way of being slow: frozen for a time, free for a time, for 120 s. */
async function slowMembers(): Promise<void> {
  print('False positives among 128 members, some of them slow', [
    ['slow', 'SWIM', 'Lifeguard', 'fewer', 'SWIM, healthy', 'Lifeguard, healthy', 'fewer', 'messages', 'bytes'],
  ]);
  const sums = { swim: nothing(), lifeguard: nothing() };
  for (const slow of [1, 4, 8, 16, 32]) {
    const [swim, lifeguard] = [await sumOf(slow, 'swim'), await sumOf(slow, 'lifeguard')];
    sums.swim = add(sums.swim, swim);
    sums.lifeguard = add(sums.lifeguard, lifeguard);
    compare(String(slow), swim, lifeguard);
  }
  compare('all', sums.swim, sums.lifeguard);
}

async function sumOf(slow: number, mode: 'swim' | 'lifeguard'): Promise<FalsePositives> {
  let sum = nothing();
  for (const frozen of [8_192, 16_384, 32_768]) {
    for (const free of [1, 1_024, 16_384]) {
      const slowness = { frozen, free };
      sum = add(sum, await measureFalsePositives({ seed: SEED, n: 128, slow, slowness, duration: 120_000, mode }));
    }
  }
  return sum;
}

function compare(slow: string, swim: FalsePositives, lifeguard: FalsePositives): void {
  const fewer = (before: number, after: number) =>
    after === 0 ? 'none left' : `${count(Math.round(before / after))} ×`;
  const share = (before: number, after: number) => `${((100 * after) / before).toFixed(0)} %`;
  row(
    slow,
    count(swim.all),
    count(lifeguard.all),
    fewer(swim.all, lifeguard.all),
    count(swim.healthy),
    count(lifeguard.healthy),
    fewer(swim.healthy, lifeguard.healthy),
    share(swim.packets, lifeguard.packets),
    share(swim.packetBytes, lifeguard.packetBytes),
  );
}

function nothing(): FalsePositives {
  return { all: 0, healthy: 0, packets: 0, packetBytes: 0 };
}

function add(one: FalsePositives, other: FalsePositives): FalsePositives {
  return {
    all: one.all + other.all,
    healthy: one.healthy + other.healthy,
    packets: one.packets + other.packets,
    packetBytes: one.packetBytes + other.packetBytes,
  };
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function print(title: string, [head]: [string[]]): void {
  console.log(`\n### ${title}\n`);
  row(...head);
  row(...head.map(() => '---'));
}

function row(...cells: (string | number)[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}
