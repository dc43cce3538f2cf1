/** How a node behaves in time. Times are in milliseconds; 0 turns an interval's task off. */
export interface Profile {
  readonly probeInterval: number;
  /** For the direct ping, and for a relay's. */
  readonly probeTimeout: number;
  /** How many relays are asked when the direct ping is not answered. */
  readonly indirectChecks: number;
  readonly gossipInterval: number;
  readonly gossipNodes: number;
  /** How long a dead or left member is remembered, and a dead one gossiped to. */
  readonly gossipToTheDead: number;
  readonly pushPullInterval: number;
  /** Packets that carry one message: this times ⌈log10(n + 1)⌉. */
  readonly retransmitMult: number;
  /** Shortest suspicion: this times log10(n) probe intervals. It wants two confirmations fewer than this. */
  readonly suspicionMult: number;
  /** Longest suspicion: this times the shortest. */
  readonly suspicionMaxMult: number;
  /** The local health score stays below it. */
  readonly awarenessMax: number;
  /** For a whole exchange over a stream. */
  readonly streamTimeout: number;
  /** How long a member must be dead before a node at another address may have its name; 0: until it is forgotten. */
  readonly reclaimTime: number;
  /** How often lost members are tried again. */
  readonly reconnectInterval: number;
  /** How long a lost member is tried again. */
  readonly reconnectTimeout: number;
  /** Bytes of a packet, without its checksum. */
  readonly packetSize: number;
  /** Whether a member that is deaf to packets is pinged by a stream before it is suspected. */
  readonly streamPing: boolean;
  /** False for plain SWIM, to compare with: no health score, no confirmations, no nacks, no ping that tells a suspect. */
  readonly lifeguard: boolean;
}

const lan: Profile = {
  probeInterval: 1_000,
  probeTimeout: 500,
  indirectChecks: 3,
  gossipInterval: 200,
  gossipNodes: 3,
  gossipToTheDead: 30_000,
  pushPullInterval: 30_000,
  retransmitMult: 4,
  suspicionMult: 4,
  suspicionMaxMult: 6,
  awarenessMax: 8,
  streamTimeout: 10_000,
  reclaimTime: 0,
  reconnectInterval: 30_000,
  reconnectTimeout: 24 * 3_600_000,
  packetSize: 1_400,
  streamPing: true,
  lifeguard: true,
};

/** For machines in one network, across networks, and on one machine: the values of memberlist. */
export const PROFILES: Readonly<Record<'lan' | 'wan' | 'local', Profile>> = {
  lan,
  wan: {
    ...lan,
    probeInterval: 5_000,
    probeTimeout: 3_000,
    gossipInterval: 500,
    gossipNodes: 4,
    gossipToTheDead: 60_000,
    pushPullInterval: 60_000,
    suspicionMult: 6,
    streamTimeout: 30_000,
  },
  local: {
    ...lan,
    probeTimeout: 200,
    indirectChecks: 1,
    gossipInterval: 100,
    gossipToTheDead: 15_000,
    pushPullInterval: 15_000,
    retransmitMult: 2,
    suspicionMult: 3,
    streamTimeout: 1_000,
  },
};
