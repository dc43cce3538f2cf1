import { addressBytes } from '../core/address.ts';
import type { Delegate } from '../core/delegate.ts';
import { createMember, type Member } from '../core/member.ts';
import { Memberlist, type MemberlistOptions } from '../core/memberlist.ts';
import { type Census, createCensus } from '../core/members.ts';
import { PROFILES, type Profile } from '../core/profiles.ts';
import { BARE_VERSIONS } from '../core/versions.ts';
import type { Simulation } from './simulation.ts';

const PORT = 7946;

export interface NodeOptions extends Partial<Omit<MemberlistOptions, 'name' | 'profile'>> {
  readonly profile?: Partial<Profile>;
}

export interface ClusterOptions {
  readonly profile?: Partial<Profile>;
  /** Of each node, by its number. */
  readonly delegate?: (index: number) => Delegate;
}

/** @param index in [0, 2^24) */
export function nodeName(index: number): string {
  return `node-${index}`;
}

/** @param index in [0, 2^24) */
export function nodeHost(index: number): string {
  return `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
}

/** A node that knows nobody yet. A number that was used before is the same host again. */
export function startNode(simulation: Simulation, index: number, options: NodeOptions = {}): Memberlist {
  const node = new Memberlist({
    incarnation: 1,
    world: options.world ?? simulation.createWorld({ host: nodeHost(index), port: PORT }),
    ...options,
    name: nodeName(index),
    profile: { ...PROFILES.lan, ...options.profile },
  });
  node.start();
  return node;
}

/** Nodes that all know each other already, as after a long time in peace. */
export function startCluster(
  simulation: Simulation,
  n: number,
  { profile, delegate }: ClusterOptions = {},
): Memberlist[] {
  const census = createPeace(n);
  return Array.from({ length: n }, (_, index) =>
    startNode(simulation, index, {
      census,
      ...(profile && { profile }),
      ...(delegate && { delegate: delegate(index) }),
    }),
  );
}

function createPeace(n: number): Census {
  const members = Array.from({ length: n }, (_, index): Member => {
    const state = {
      name: nodeName(index),
      addr: addressBytes(nodeHost(index)),
      port: PORT,
      meta: new Uint8Array(0),
      vsn: BARE_VERSIONS,
      incarnation: 1,
      state: 'alive' as const,
    };
    return createMember(state, 0)!;
  });
  return createCensus(members);
}
