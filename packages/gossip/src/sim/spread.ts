import { PROFILES } from '../core/profiles.ts';
import { retransmitLimit } from '../core/scaling.ts';
import { startCluster } from './cluster.ts';
import { Simulation } from './simulation.ts';
import { mean, median } from './statistics.ts';

export interface SpreadOptions {
  readonly seed: number;
  readonly n: number;
  /** How many changes, each told by another node. */
  readonly changes: number;
  /** Share of packets that get lost. @default 0 */
  readonly loss?: number;
}

/** Times are in periods of gossip. */
export interface Spread {
  readonly n: number;
  readonly changes: number;
  /** Share of nodes that gossip alone has reached, over all changes. */
  readonly reached: number;
  readonly medianNode: number;
  /** Mean and maximum over the changes. */
  readonly lastNode: number;
  readonly lastNodeMax: number;
  /** What pushing to f others a period should take: log_(f+1)(n) + ln(n) / f. @see Pittel (1987) */
  readonly theory: number;
  /** Packets in which one node tells of one change, at most. */
  readonly transmits: number;
}

/** For how long a change is followed, ms: longer than any node tells of it. */
const FOLLOWED = 10_000;

/**
 * How fast a change reaches all, by gossip and what rides in pings and acks. Push/pull is off: it would reach those whom
 * gossip has missed.
 */
export async function measureSpread({ seed, n, changes, loss = 0 }: SpreadOptions): Promise<Spread> {
  const simulation = new Simulation({ seed });
  const { gossipInterval, gossipNodes, retransmitMult } = PROFILES.lan;
  const times: number[] = [];
  const lasts: number[] = [];
  let start = 0;
  const nodes = startCluster(simulation, n, {
    profile: { pushPullInterval: 0 },
    delegate: () => ({
      event: ({ type }) => {
        if (type === 'update') times.push((simulation.now - start) / gossipInterval);
      },
    }),
  });
  simulation.network.loss = loss;
  await simulation.run(2_000);
  for (let change = 0; change < changes; change++) {
    start = simulation.now;
    nodes[Math.floor(simulation.random() * n)]!.setMeta(Uint8Array.of(change + 1));
    await simulation.run(FOLLOWED);
    lasts.push(times.at(-1)!);
  }
  return {
    n,
    changes,
    reached: times.length / (n * changes),
    medianNode: median(times),
    lastNode: mean(lasts),
    lastNodeMax: Math.max(...lasts),
    theory: Math.log(n) / Math.log(gossipNodes + 1) + Math.log(n) / gossipNodes,
    transmits: retransmitLimit(retransmitMult, n),
  };
}
