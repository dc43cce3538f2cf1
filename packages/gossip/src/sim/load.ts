import { PROFILES } from '../core/profiles.ts';
import { pushPullInterval } from '../core/scaling.ts';
import { startCluster } from './cluster.ts';
import { Simulation } from './simulation.ts';
import { mean } from './statistics.ts';

export interface LoadOptions {
  readonly seed: number;
  readonly n: number;
}

/** What a node of an idle cluster sends, a second; bytes are payload, uncompressed. */
export interface Load {
  readonly n: number;
  readonly packets: number;
  /** Of the node that sent most. */
  readonly packetsMax: number;
  readonly packetBytes: number;
  /** By push/pull: questions and answers. */
  readonly streamBytes: number;
}

/** What it costs a node to be in a cluster in which nothing happens. */
export async function measureLoad({ seed, n }: LoadOptions): Promise<Load> {
  const simulation = new Simulation({ seed });
  const nodes = startCluster(simulation, n);
  const { pushPullInterval: interval } = PROFILES.lan;
  await simulation.run(interval);
  const before = nodes.map(({ counters }) => ({ ...counters }));
  // Each node asks for one push/pull in this time.
  const duration = pushPullInterval(interval, n) / 1000;
  await simulation.run(duration * 1000);
  const rates = nodes.map(({ counters }, i) => ({
    packets: (counters.packetsOut - before[i]!.packetsOut) / duration,
    packetBytes: (counters.packetBytesOut - before[i]!.packetBytesOut) / duration,
    streamBytes: (counters.streamBytesOut - before[i]!.streamBytesOut) / duration,
  }));
  return {
    n,
    packets: mean(rates.map(({ packets }) => packets)),
    packetsMax: Math.max(...rates.map(({ packets }) => packets)),
    packetBytes: mean(rates.map(({ packetBytes }) => packetBytes)),
    streamBytes: mean(rates.map(({ streamBytes }) => streamBytes)),
  };
}
