// What an idle node of ours costs beside an agent of Serf in one cluster of 100: CPU, memory and traffic.
// Each of the two has a network namespace to itself, whose interface counts all its bytes, headers too.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type GossipMetrics, startGossip } from '@portolan/gossip';
import { GossipProcess } from '../support/gossip-process.ts';
import { createHosts, hostsUnavailable, type TestHost } from '../support/netns.ts';
import { serfUnavailable } from '../support/serf.ts';
import { Workbench } from '../support/workbench.ts';

const SIZE = 100;
const PORT = 7946;
/** The others, in this many processes. */
const CROWDS = 2;
/** How long the cluster is left alone before, and how long it is measured, ms. */
const SETTLE = 45_000;
const DURATION = 1_000 * Number(process.env.PORTOLAN_BENCH_SECONDS ?? 120);
const LIMITS = { cpu: 1, bytes: 5_000 };
/** Of the kernel's clock, in which it tells how long a process has run. */
const TICKS = 100;

const THIS_FILE = fileURLToPath(import.meta.url);
const [, , host, first, count, seed] = process.argv;
if (host === undefined) await measure();
else await crowd(host, Number(first), Number(count), seed as string);

async function measure(): Promise<void> {
  const unavailable = serfUnavailable() ?? hostsUnavailable();
  if (unavailable !== undefined) {
    process.stdout.write(`skipped: ${unavailable}\n`);
    return;
  }
  const bench = new Workbench();
  const hosts = await createHosts(3);
  try {
    const [oursAt, serfAt, crowdAt] = hosts.hosts as [TestHost, TestHost, TestHost];
    const seed = `${crowdAt.address}:${PORT}`;
    const size = Math.ceil((SIZE - 2) / CROWDS);
    for (let left = SIZE - 2, first = 0; left > 0; left -= size, first += size) {
      const args = [THIS_FILE, crowdAt.address, `${PORT + first}`, `${Math.min(size, left)}`, seed];
      const crowd = bench.run(process.execPath, args, { on: crowdAt });
      await waitUntil(async () => crowd.stdout.includes('ready'));
    }
    const ours = new GossipProcess(
      bench,
      { name: 'ours', bind: { host: oursAt.address, port: PORT }, tags: { role: 'ours' } },
      { on: oursAt },
    );
    await ours.order('join', seed);
    const args = ['agent', '-node=serf', `-bind=${serfAt.address}:${PORT}`, `-rpc-addr=${serfAt.address}:7373`];
    const serf = bench.run('serf', [...args, `-join=${seed}`, '-tag=role=serf', '-log-level=err'], { on: serfAt });
    await waitUntil(async () => (await ours.members()).filter(({ status }) => status === 'alive').length === SIZE);
    await waitUntil(async () => (await serfMembers(serfAt)) === SIZE);
    process.stdout.write(`${SIZE} members are alive to both; measuring ${DURATION / 1_000} s of peace\n\n`);
    await pause(SETTLE);

    const nodes = { ours: { pid: ours.program.pid, host: oursAt }, serf: { pid: serf.pid, host: serfAt } };
    const payloadBefore = await ours.order<GossipMetrics>('metrics');
    const before = { ours: await look(nodes.ours), serf: await look(nodes.serf) };
    await pause(DURATION);
    const after = { ours: await look(nodes.ours), serf: await look(nodes.serf) };
    const payloadAfter = await ours.order<GossipMetrics>('metrics');
    const rates = { ours: rate(before.ours, after.ours), serf: rate(before.serf, after.serf) };
    const format = (value: number) => (value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en'));
    process.stdout.write(`${['', 'ours', 'serf', 'ratio'].map((cell) => cell.padStart(12)).join('')}\n`);
    for (const [name, value] of Object.entries(rates.ours)) {
      const other = rates.serf[name as keyof Rates];
      const cells = [format(value), format(other), other === 0 ? '' : (value / other).toFixed(2)];
      process.stdout.write(`${name.padEnd(12)}${cells.map((cell) => cell.padStart(12)).join('')}\n`);
    }
    const payload = payloadBytes(payloadAfter) - payloadBytes(payloadBefore);
    process.stdout.write(
      `\nours without headers: ${format(payload / (DURATION / 1_000))} B/s, health ${payloadAfter.health}\n`,
    );
    const { cpu, bytes } = { cpu: rates.ours['CPU %'], bytes: rates.ours['in B/s'] + rates.ours['out B/s'] };
    const kept = cpu < LIMITS.cpu && bytes < LIMITS.bytes;
    process.stdout.write(`${kept ? 'kept' : 'NOT KEPT'}: under ${LIMITS.cpu} % of a core, under ${LIMITS.bytes} B/s\n`);
    if (!kept) process.exitCode = 1;
  } finally {
    await bench.clear();
    await hosts.cleanup();
  }
}

/** Many nodes in one process, on ports of one address. */
async function crowd(address: string, from: number, size: number, seed: string): Promise<void> {
  for (let port = from; port < from + size; port++) {
    const node = await startGossip({
      name: `n${port}`,
      bind: { host: address, port },
      tags: { role: 'crowd', port: `${port}` },
    });
    if (seed !== `${address}:${port}`) await node.join([seed]);
  }
  process.stdout.write('ready\n');
  await once(process, 'SIGTERM');
}

interface Look {
  readonly at: number;
  readonly cpu: number;
  readonly rss: number;
  readonly counters: Readonly<Record<'rx_bytes' | 'tx_bytes' | 'rx_packets' | 'tx_packets', number>>;
}

type Rates = Record<'CPU %' | 'MB resident' | 'in B/s' | 'out B/s' | 'in packets' | 'out packets', number>;

async function look({ pid, host }: { pid: number; host: TestHost }): Promise<Look> {
  const at = performance.now();
  // What follows the name of the command, which may have spaces.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  const counter = async (name: string) => {
    const file = `/sys/class/net/eth0/statistics/${name}`;
    const { stdout } = await promisify(execFile)('ip', ['netns', 'exec', host.namespace, 'cat', file]);
    return Number(stdout);
  };
  return {
    at,
    cpu: (Number(stat[11]) + Number(stat[12])) / TICKS,
    rss: (pages * 4_096) / 1e6,
    counters: {
      rx_bytes: await counter('rx_bytes'),
      tx_bytes: await counter('tx_bytes'),
      rx_packets: await counter('rx_packets'),
      tx_packets: await counter('tx_packets'),
    },
  };
}

function rate(before: Look, after: Look): Rates {
  const seconds = (after.at - before.at) / 1_000;
  const each = (name: keyof Look['counters']) => (after.counters[name] - before.counters[name]) / seconds;
  return {
    'CPU %': (100 * (after.cpu - before.cpu)) / seconds,
    'MB resident': after.rss,
    'in B/s': each('rx_bytes'),
    'out B/s': each('tx_bytes'),
    'in packets': each('rx_packets'),
    'out packets': each('tx_packets'),
  };
}

function payloadBytes({ traffic }: GossipMetrics): number {
  return traffic.packetBytesIn + traffic.packetBytesOut + traffic.streamBytesIn + traffic.streamBytesOut;
}

async function serfMembers({ namespace, address }: TestHost): Promise<number> {
  const command = ['netns', 'exec', namespace, 'serf', 'members', '-status=alive', `-rpc-addr=${address}:7373`];
  const { stdout } = await promisify(execFile)('ip', command).catch(() => ({ stdout: '' }));
  return stdout.split('\n').filter(Boolean).length;
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the cluster did not come together within 2 minutes');
    await pause(500);
  }
}

function pause(duration: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, duration));
}
