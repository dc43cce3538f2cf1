import type { Profile } from '../core/profiles.ts';
import { nodeHost, nodeName, startCluster } from './cluster.ts';
import { Simulation } from './simulation.ts';

/** How members are slow: all of them freeze at the same moments. */
export interface Slowness {
  /** How long they are frozen, and then are not, ms. */
  readonly frozen: number;
  readonly free: number;
}

export interface SlowMembersOptions {
  readonly seed: number;
  readonly n: number;
  /** How many members are slow. */
  readonly slow: number;
  readonly slowness: Slowness;
  /** ms */
  readonly duration: number;
  readonly mode: 'swim' | 'lifeguard';
}

/** Failures told of members that were never slow: all of them are false. */
export interface FalsePositives {
  /** At all members. */
  readonly all: number;
  /** At members that were never slow either. */
  readonly healthy: number;
  readonly packets: number;
  readonly packetBytes: number;
}

/** The paper's own setting. */
const BASE: Partial<Profile> = { suspicionMult: 5, suspicionMaxMult: 6 };

/**
 * How many healthy members are held for dead when others are slow. A frozen member's timers go on while nothing leaves or
 * reaches it; then all that has piled up does, as with a process that is starved of its processor.
 *
 * @see Lifeguard (Dadgar et al., 2017), section V
 */
export async function measureFalsePositives(options: SlowMembersOptions): Promise<FalsePositives> {
  const { seed, n, slow, slowness, duration, mode } = options;
  const simulation = new Simulation({ seed });
  const slowOnes = draw(n, slow, simulation.random);
  const slowNames = new Set([...slowOnes].map(nodeName));
  let all = 0;
  let healthy = 0;
  const nodes = startCluster(simulation, n, {
    profile: { ...BASE, lifeguard: mode === 'lifeguard' },
    delegate: (index) => ({
      event: ({ type, member }) => {
        if (type !== 'leave' || slowNames.has(member.name)) return;
        all++;
        if (!slowOnes.has(index)) healthy++;
      },
    }),
  });
  await simulation.run(5_000);
  const end = simulation.now + duration;
  const hosts = [...slowOnes].map(nodeHost);
  while (simulation.now < end) {
    for (const host of hosts) simulation.network.freeze(host);
    await simulation.run(Math.min(slowness.frozen, end - simulation.now));
    for (const host of hosts) simulation.network.thaw(host);
    await simulation.run(Math.min(slowness.free, end - simulation.now));
  }
  const sum = (of: 'packetsOut' | 'packetBytesOut') => nodes.reduce((total, { counters }) => total + counters[of], 0);
  return { all, healthy, packets: sum('packetsOut'), packetBytes: sum('packetBytesOut') };
}

function draw(n: number, count: number, random: () => number): Set<number> {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(Math.floor(random() * n));
  return drawn;
}
