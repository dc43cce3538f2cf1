import { randomBytes } from 'node:crypto';
import type { Counters } from './core/counters.ts';
import { GossipError } from './core/error.ts';
import type { Log } from './core/local.ts';
import { PROFILES, type Profile } from './core/profiles.ts';
import { GossipNode } from './node.ts';
import type { ClusterKeys } from './serf/keys.ts';
import type { QueryOptions, QueryResult } from './serf/queries.ts';
import type { Member, Status } from './serf/roster.ts';
import type { GossipEvent } from './serf/serf.ts';
import type { Tags } from './serf/tags.ts';
import { createAllowList } from './sockets/allow-list.ts';
import { realClock } from './sockets/clock.ts';
import { parseSeed, resolveHost } from './sockets/host.ts';
import { findOwnAddress, isUnspecified } from './sockets/own-address.ts';
import { createSocketTransport } from './sockets/socket-transport.ts';
import type { Traffic } from './sockets/traffic.ts';
import type { Address } from './transport.ts';

export interface GossipOptions {
  /** Unique in the cluster, and the same after a restart. */
  readonly name: string;
  /** UDP and TCP. Port 0: any that is free. An unspecified host such as `0.0.0.0` takes all addresses of the machine. */
  readonly bind: Address;
  /** Where others reach this node, when that is not what it is bound to; port 0: the bound one. */
  readonly advertise?: Address;
  /** Timing, for one network, across networks or on one machine; or one's own, over that of `lan`. `lan` by default. */
  readonly profile?: 'lan' | 'wan' | 'local' | Partial<Profile>;
  /** Nodes with another label hear nothing of each other. Serf agents have none. */
  readonly label?: string;
  /** Keys of 16, 24 or 32 bytes in base64, the one that encrypts first. None: nothing is encrypted. */
  readonly keyring?: readonly string[];
  /** False: `setKeys` alone changes the keyring, and no query tells it. True, as with Serf: every member may, for all. */
  readonly keyQueries?: boolean;
  /** False: take what is not encrypted in spite of the keys, while a live cluster gets its first key. */
  readonly verifyIncoming?: boolean;
  /** False: encrypt nothing in spite of the keys, while a live cluster gets its first key. */
  readonly verifyOutgoing?: boolean;
  /** Whether to compress what gets smaller by it; true by default. */
  readonly compress?: boolean;
  /** False: a node whose name most members hold for another's goes on all the same. True by default, as with Serf. */
  readonly stopOnConflict?: boolean;
  /** Whether a name is that of somebody known: of others a thousand are taken in. All are known unless told otherwise. */
  readonly isKnown?: ((name: string) => boolean) | undefined;
  /** Networks that members' addresses and incoming streams must be of, such as `10.0.0.0/8`. Empty: all. */
  readonly allow?: readonly string[];
  /** What others are told of this node; all together up to 512 bytes. */
  readonly tags?: Tags;
  /** Broadcasts go to members that have this tag with the value that this node has; to all when left out. */
  readonly kindTag?: string;
  /** How long a failed member must be gone before a node at another address may take its name, ms; 0: until forgotten. */
  readonly reclaimTime?: number;
  /** How long failed members, and such as left, stay on the list, ms; a day each by default. */
  readonly failedKept?: number;
  readonly leftKept?: number;
  /** Port of seeds that name none; by default the one that this node is bound to. */
  readonly defaultPort?: number;
  readonly delegate?: GossipDelegate;
  readonly log?: Log;
}

/** What the application does. Whatever it throws is logged and goes no further. */
export interface GossipDelegate {
  event?(event: GossipEvent): void;
  /** A broadcast or a message of another node. */
  message?(payload: Uint8Array, from: string): void;
  /** What each push/pull gives the other side: up to 20 MiB, small for the sake of all. */
  appState?(): Uint8Array;
  mergeAppState?(state: Uint8Array): void;
}

/** A node of a cluster. */
export interface Gossip {
  readonly name: string;
  /** Where others reach this node. */
  readonly address: Address;
  /** All that it knows of, itself too. */
  members(): Member[];
  /** @returns nothing when nobody is known by that name */
  member(name: string): Member | undefined;
  /**
   * Joins the clusters of these nodes, `host` or `host:port`; one that answers is enough to find all others. They are
   * tried again until one has answered, and whenever this node is alone.
   */
  join(seeds: readonly string[]): Promise<{ joined: number; failures: readonly Error[] }>;
  /** Says goodbye, so that others list it as left; takes a second or two. `stop` it afterwards. */
  leave(): Promise<void>;
  /** Ends at once. Others list it as failed unless it has left. */
  stop(): Promise<void>;
  /** @throws when they take more than 512 bytes */
  setTags(tags: Tags): void;
  /**
   * Tells all nodes of this kind, by and by and with no promise. Up to about 900 bytes.
   *
   * @param options with a key, a later broadcast takes the place of an earlier one that has not gone all its way
   */
  broadcast(payload: Uint8Array, options?: { key?: string }): void;
  /** Gives a member of this kind up to 20 MiB. @throws Error when it cannot be reached */
  send(member: string, payload: Uint8Array): Promise<void>;
  /** Tells all members, Serf's agents too. Name and payload have up to 512 bytes together. */
  userEvent(name: string, payload: Uint8Array, options?: { coalesce?: boolean }): void;
  /** Asks all members, Serf's agents too. */
  query(name: string, payload: Uint8Array, options?: QueryOptions): Promise<QueryResult>;
  readonly keys: ClusterKeys;
  /** The keys of this node, in base64, the one that encrypts first. */
  readonly keyring: readonly string[];
  /** Puts others in the place of this node's keys. @throws GossipError `invalid` for what are no keys, or without encryption */
  setKeys(keys: readonly string[]): void;
  /** Round trip of a ping to a member, ms. @throws Error when it does not answer */
  ping(member: string): Promise<number>;
  /** Says of a failed member that it has left for good; with `prune`, it is forgotten by all. */
  removeFailed(member: string, options?: { prune?: boolean }): Promise<void>;
  metrics(): GossipMetrics;
}

export interface GossipMetrics extends Readonly<Counters> {
  readonly traffic: Readonly<Traffic>;
  /** Members by status. */
  readonly members: Readonly<Record<Status, number>>;
  /** The local health score: 0 is healthy, 7 is the worst. */
  readonly health: number;
  /** Messages that wait to be told. */
  readonly queued: { readonly membership: number; readonly user: number };
  /** User messages that were not acted upon, by reason. */
  readonly userDrops: Readonly<Record<string, number>>;
}

/**
 * Starts a node, alone until it joins others or is joined.
 *
 * @throws GossipError `invalid` for options that cannot be; Error of the system, such as EADDRINUSE
 */
export async function startGossip(options: GossipOptions): Promise<Gossip> {
  const profile = readProfile(options);
  const allow = createAllowList(options.allow ?? []);
  const transport = await createSocketTransport({ ...options.bind, allow, timeout: profile.streamTimeout });
  try {
    return new GossipNode(options, {
      world: { transport, clock: realClock, random: Math.random },
      wallClock: Date.now,
      profile,
      address: readAdvertise(options, transport.address),
      traffic: transport.traffic,
      allows: (host) => allow.allows(host),
      resolve: (seed) => resolveHost(parseSeed(seed, options.defaultPort ?? transport.address.port)),
    });
  } catch (error) {
    await transport.close();
    throw error;
  }
}

/** A new key for a keyring, in base64. */
export function createGossipKey(): string {
  return randomBytes(32).toString('base64');
}

function readProfile({ profile = 'lan', reclaimTime }: GossipOptions): Profile {
  const known = typeof profile === 'string' ? PROFILES[profile] : { ...PROFILES.lan, ...profile };
  return reclaimTime === undefined ? known : { ...known, reclaimTime };
}

function readAdvertise({ advertise, bind }: GossipOptions, bound: Address): Address {
  if (advertise) return { host: advertise.host, port: advertise.port || bound.port };
  if (!isUnspecified(bound.host)) return bound;
  const host = findOwnAddress(!bind.host.includes(':'));
  if (host === null) {
    throw new GossipError('invalid', `bound to ${bind.host}, it needs to be told an address at which others reach it`);
  }
  return { host, port: bound.port };
}
