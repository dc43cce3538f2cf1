import { PROFILES } from '../core/profiles.ts';
import { nodeHost, nodeName, startCluster } from './cluster.ts';
import { Simulation } from './simulation.ts';
import { confidence, mean } from './statistics.ts';

export interface DetectionOptions {
  readonly seed: number;
  readonly n: number;
  /** How many failures, each in a cluster of its own. */
  readonly failures: number;
}

export interface Detection {
  readonly n: number;
  readonly failures: number;
  /** Mean of the period after the failure, 1 for the first, in which somebody probes the failed node. */
  readonly period: number;
  /** Of that mean, with 95 % confidence. */
  readonly margin: number;
  /** e / (e − 1) */
  readonly theory: number;
  /** Mean time from the failure to the first suspicion, s. */
  readonly suspected: number;
  /** Mean time from the failure until the first node holds it for dead, s. */
  readonly dead: number;
}

/** How soon somebody notices that a node has failed. */
export async function measureDetection({ seed, n, failures }: DetectionOptions): Promise<Detection> {
  const periods: number[] = [];
  const suspected: number[] = [];
  const dead: number[] = [];
  for (let failure = 0; failure < failures; failure++) {
    const times = await fail(new Simulation({ seed: seed + failure }), n);
    periods.push(Math.ceil(times.probed / PROFILES.lan.probeInterval));
    suspected.push(times.suspected / 1000);
    dead.push(times.dead / 1000);
  }
  return {
    n,
    failures,
    period: mean(periods),
    margin: confidence(periods),
    theory: Math.E / (Math.E - 1),
    suspected: mean(suspected),
    dead: mean(dead),
  };
}

/** Times from the failure, ms. */
async function fail(simulation: Simulation, n: number): Promise<{ probed: number; suspected: number; dead: number }> {
  const nodes = startCluster(simulation, n, { profile: { pushPullInterval: 0 } });
  await simulation.run(1_000 + simulation.random() * 2_000);
  const victim = Math.floor(simulation.random() * n);
  const [host, name] = [nodeHost(victim), nodeName(victim)];
  await nodes[victim]!.stop();
  const others = nodes.toSpliced(victim, 1);
  const start = simulation.now;
  let probed = 0;
  simulation.network.tap = (_, to) => {
    if (to === host && probed === 0) probed = simulation.now - start;
  };
  await simulation.until(() => others.some((node) => node.member(name)?.state === 'suspect'));
  const suspected = simulation.now - start;
  await simulation.until(() => others.some((node) => node.member(name)?.state === 'dead'));
  return { probed, suspected, dead: simulation.now - start };
}
