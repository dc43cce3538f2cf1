import { connect, type PortolanClient } from '@portolan/client';
import type { MemberView } from '@portolan/model';
import { createHosts, type Hosts, type TestHost } from './netns.ts';
import type { Ended, Program } from './program.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { type Coordinator, Workbench } from './workbench.ts';

/**
 * A fleet as it is meant to be: hosts in network namespaces with an agent each, two coordinators on the first two of
 * them, and their Redis beside. All take part in gossip over the network between them.
 */
export interface GossipFleet {
  readonly bench: Workbench;
  readonly redis: TestRedis;
  readonly hosts: Hosts;
  readonly coordinators: Coordinator[];
  readonly agents: Map<string, Program>;
  /** Of whichever coordinator works. */
  client(): PortolanClient;
  host(name: string): TestHost;
  startCoordinator(on: string, args?: readonly string[]): Promise<Coordinator>;
  /** The agent knows the first coordinator alone; of the others it hears by gossip. */
  startAgent(on: string): Promise<Program>;
  /** The command on a host, with the token and state directory of its agent. */
  portolan(on: string, args: readonly string[]): Promise<Ended>;
  stop(): Promise<void>;
}

export const hostNames = ['host-a', 'host-b', 'host-c', 'host-d', 'host-e'] as const;

export async function startGossipFleet(): Promise<GossipFleet> {
  const bench = new Workbench();
  const hosts = await createHosts(hostNames.length);
  const args = ['--bind', '127.0.0.1', hosts.gateway, '--protected-mode', 'no'];
  const redis = await startRedis({ asProcess: true, persistence: 'aof', args });
  const store = ['--redis', `redis://${hosts.gateway}:${redis.port}`, '--ack', 'disk', '--insecure-bind'];
  const coordinators: Coordinator[] = [];
  const agents = new Map<string, Program>();
  const host = (name: string) => hosts.hosts[hostNames.indexOf(name as 'host-a')]!;
  const stateOf = (name: string) => ({ PORTOLAN_STATE_DIR: `${bench.directory}/${name}` });
  const fleet: GossipFleet = {
    bench,
    redis,
    hosts,
    coordinators,
    agents,
    host,
    client: () => {
      const url = coordinators.flatMap(({ program, url: each }) => (program.child.killed ? [] : [each]));
      return connect({ url, token: bench.token, patience: 20_000 });
    },
    async startCoordinator(on, more = []) {
      const { address } = host(on);
      const where = { on: host(on), environment: stateOf(`coordinator-${on}`) };
      const started = await bench.coordinator([...store, '--host', address, '--gossip-host', address, ...more], where);
      coordinators.push(started);
      return started;
    },
    async startAgent(on) {
      const { address } = host(on);
      // They share the process ids of the machine: each would see the sockets of all.
      const own = ['--no-all-namespaces', '--interval', '500', '--gossip-host', address];
      const agent = await bench.agent(coordinators[0]!.url, on, own, { on: host(on) });
      agents.set(on, agent);
      return agent;
    },
    portolan: (on, words) =>
      bench.portolan([...words, '--url', coordinators.map(({ url }) => url).join(',')], {
        on: host(on),
        environment: stateOf(on),
      }).ended,
    async stop() {
      await bench.clear();
      await redis.stop();
      await hosts.cleanup();
    },
  };
  await fleet.startCoordinator('host-a');
  await fleet.startCoordinator('host-b');
  await Promise.all(hostNames.map((name) => fleet.startAgent(name)));
  return fleet;
}

/** Names of the members that somebody sees alive. */
export function alive(members: readonly MemberView[]): string[] {
  return members
    .flatMap(({ name, status, tags }) => (status === 'alive' ? [tags.role === 'agent' ? name : tags.role!] : []))
    .sort();
}
