import { addressBytes, sameAddress } from './core/address.ts';
import { GossipError } from './core/error.ts';
import { Memberlist } from './core/memberlist.ts';
import type { Profile } from './core/profiles.ts';
import { retransmitLimit } from './core/scaling.ts';
import type { Gossip, GossipMetrics, GossipOptions } from './gossip.ts';
import { startRejoin } from './rejoin.ts';
import { type ClusterKeys, createClusterKeys, parseKey, toBase64 } from './serf/keys.ts';
import { MESSAGES } from './serf/message.ts';
import type { QueryOptions, QueryResult } from './serf/queries.ts';
import type { Member, Status } from './serf/roster.ts';
import { type GossipEvent, Serf } from './serf/serf.ts';
import { encodeTags, type Tags } from './serf/tags.ts';
import type { Traffic } from './sockets/traffic.ts';
import type { Address } from './transport.ts';
import { Keyring } from './wire/keyring.ts';
import type { Timer, World } from './world.ts';

/** What a node gets from where it runs. */
export interface Surroundings {
  readonly world: World;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly profile: Profile;
  /** Where others reach this node. */
  readonly address: Address;
  readonly traffic: Readonly<Traffic>;
  readonly allows: (host: string) => boolean;
  /** The addresses of a seed. @throws Error when it has none */
  readonly resolve: (seed: string) => Promise<Address[]>;
}

type Joined = Awaited<ReturnType<Gossip['join']>>;

/** Versions of protocol and application as Serf's agents have them: so both can be in one cluster. */
const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 5);

const DAY = 86_400_000;
/** Incarnations begin with the clock of their node, and clocks differ, s. */
const AHEAD_MAX = 604_800;
/** How long it may take at most to tell that somebody has left, ms. */
const FAREWELL_LIMIT = 5_000;
const COALESCING = { quiet: 1_000, most: 3_000 };
/** How often a node that is alone tries its seeds, at most, ms. */
const REJOIN_INTERVAL = 5_000;

/** A memberlist node and Serf's layer over it, as one. */
export class GossipNode implements Gossip {
  readonly name: string;
  readonly address: Address;
  readonly keys: ClusterKeys;
  readonly #options: GossipOptions;
  readonly #surroundings: Surroundings;
  readonly #memberlist: Memberlist;
  readonly #serf: Serf;
  readonly #keyring: Keyring | null;
  readonly #seeds = new Set<string>();
  readonly #rejoin: Timer;
  #tags: Tags;
  /** Whether one of the seeds has ever answered. */
  #joined = false;

  /** @throws GossipError `invalid` for options that cannot be */
  constructor(options: GossipOptions, surroundings: Surroundings) {
    const { name, label = '', compress = true, verifyIncoming = true, verifyOutgoing = true } = options;
    const { tags = {}, log = () => {} } = options;
    const { world, wallClock, profile, address, allows } = surroundings;
    const seconds = () => Math.floor(wallClock() / 1_000);
    const keyring = options.keyring?.length ? new Keyring(options.keyring.map(parseKey)) : null;
    this.name = name;
    this.address = address;
    this.#options = options;
    this.#surroundings = surroundings;
    this.#tags = tags;
    this.#keyring = keyring;
    const meta = encodeTags(tags);
    if (!allows(address.host)) {
      throw new GossipError(
        'invalid',
        `${address.host}, this node's own address, is of none of the networks it allows`,
      );
    }
    this.#serf = this.#createSerf(keyring);
    this.#memberlist = new Memberlist({
      name,
      world,
      profile,
      incarnation: seconds(),
      highest: () => seconds() + AHEAD_MAX,
      advertise: address,
      meta,
      vsn: VERSIONS,
      security: { label, keyring, compress, verifyIncoming, verifyOutgoing },
      allows,
      isKnown: options.isKnown,
      delegate: this.#serf,
      log,
    });
    this.keys = createClusterKeys({
      query: (question, payload, how) => this.query(question, payload, how),
      up: () => this.#upNames(),
    });
    this.#memberlist.start();
    this.#serf.start();
    this.#rejoin = startRejoin({
      world,
      wallClock,
      interval: Math.min(REJOIN_INTERVAL, profile.reconnectInterval || REJOIN_INTERVAL),
      isLost: () => this.#seeds.size > 0 && (!this.#joined || this.#memberlist.up <= 1),
      join: () => void this.#join(this.#seeds).catch(() => {}),
      woke: () => this.#memberlist.resync(),
    });
  }

  members(): Member[] {
    return this.#serf.roster.members();
  }

  member(name: string): Member | undefined {
    return this.#serf.roster.get(name);
  }

  async join(seeds: readonly string[]): Promise<Joined> {
    for (const seed of seeds) this.#seeds.add(seed);
    return this.#join(seeds);
  }

  async leave(): Promise<void> {
    const { world, profile } = this.#surroundings;
    this.#rejoin.cancel();
    const alone = this.#memberlist.up <= 1;
    await this.#serf.announceLeave(this.#farewell());
    await this.#memberlist.leave(this.#farewell());
    // What is to be told last is told at the next turn.
    if (!alone) await new Promise<void>((resolve) => world.clock.after(profile.gossipInterval, resolve));
  }

  async stop(): Promise<void> {
    this.#rejoin.cancel();
    this.#serf.stop();
    await this.#memberlist.stop();
  }

  setTags(tags: Tags): void {
    this.#memberlist.setMeta(encodeTags(tags));
    this.#tags = tags;
  }

  broadcast(payload: Uint8Array, { key }: { key?: string } = {}): void {
    this.#serf.own.send(payload, key);
  }

  async send(to: string, payload: Uint8Array): Promise<void> {
    const member = this.#find(to);
    const { kindTag } = this.#options;
    if (kindTag !== undefined && member.tags[kindTag] !== this.#tags[kindTag]) {
      throw new GossipError('invalid', `${to} is a member of another kind: it would not understand`);
    }
    await this.#memberlist.deliver(member.address, MESSAGES.ownMessage.encode({ from: this.name }, payload));
  }

  userEvent(name: string, payload: Uint8Array, { coalesce = false }: { coalesce?: boolean } = {}): void {
    this.#serf.events.send(name, payload, coalesce);
  }

  query(name: string, payload: Uint8Array, options?: QueryOptions): Promise<QueryResult> {
    return this.#serf.queries.send(name, payload, options);
  }

  get keyring(): string[] {
    return this.#keyring?.keys.map(toBase64) ?? [];
  }

  setKeys(keys: readonly string[]): void {
    if (!this.#keyring) throw new GossipError('invalid', 'this node was started without keys: encryption is off');
    if (keys.length === 0) throw new GossipError('invalid', 'a keyring needs at least one key');
    this.#keyring.replace(keys.map(parseKey));
  }

  async ping(name: string): Promise<number> {
    return this.#memberlist.ping(this.#find(name));
  }

  async removeFailed(name: string, { prune = false }: { prune?: boolean } = {}): Promise<void> {
    await this.#serf.removeFailed(this.#find(name).name, prune, this.#farewell());
  }

  metrics(): GossipMetrics {
    return {
      ...this.#memberlist.counters,
      traffic: this.#surroundings.traffic,
      members: countByStatus(this.members()),
      health: this.#memberlist.health,
      queued: { membership: this.#memberlist.queued, user: this.#serf.outgoing.length },
      userDrops: this.#serf.drops,
    };
  }

  #createSerf(keyring: Keyring | null): Serf {
    const { name, kindTag, failedKept = DAY, leftKept = DAY, delegate = {} } = this.#options;
    const { world, wallClock, profile, address } = this.#surroundings;
    const self = { name, addr: addressBytes(address.host), port: address.port };
    return new Serf({
      name,
      world,
      wallClock,
      keyring,
      keyQueries: this.#options.keyQueries,
      kindTag: kindTag ?? null,
      failedKept,
      leftKept,
      isKnown: this.#options.isKnown,
      coalescing: COALESCING,
      event: (event) => this.#happened(event),
      message: (payload, from) => this.#attempt(() => delegate.message?.(payload, from)),
      appState: () => this.#attempt(() => delegate.appState?.()) ?? new Uint8Array(0),
      mergeAppState: (state) => this.#attempt(() => delegate.mergeAppState?.(state)),
      core: {
        self: () => ({ ...self, tags: this.#tags }),
        send: (payload, to) => this.#memberlist.send({ name: '', address: to }, payload),
        transmits: (more) => this.#transmits(more),
        patience: () => profile.gossipInterval * 16 * Math.ceil(Math.log10(this.#memberlist.size + 1)),
      },
    });
  }

  #transmits(more: number): number {
    return retransmitLimit(this.#surroundings.profile.retransmitMult + more, this.#memberlist.size);
  }

  /** How long it takes to tell as many as should be told, ms; where there are not as many, once more each is enough. */
  #farewell(): number {
    const { gossipInterval, gossipNodes } = this.#surroundings.profile;
    return Math.min(FAREWELL_LIMIT, gossipInterval * (2 + Math.ceil(this.#transmits(0) / gossipNodes)));
  }

  #happened(event: GossipEvent): void {
    this.#attempt(() => this.#options.delegate?.event?.(event));
    if (event.type !== 'conflict' || !event.lost) return;
    const { stopOnConflict = true } = this.#options;
    const next = stopOnConflict ? 'this one stops' : 'this one goes on; give one of the two another name';
    this.#log(`${this.name} is another node's name, say most members: ${next}`);
    if (!stopOnConflict) return;
    this.stop().catch((error) => this.#log(`it did not stop well: ${error}`));
  }

  async #join(seeds: Iterable<string>): Promise<Joined> {
    const { found, failures } = await this.#resolve(seeds);
    this.#serf.joining = true;
    try {
      const result = await this.#memberlist.join(found.filter((seed) => !sameAddress(seed, this.address)));
      if (result.joined > 0) {
        this.#joined = true;
        this.#serf.announce();
      }
      return { joined: result.joined, failures: [...failures, ...result.failures] };
    } finally {
      this.#serf.joining = false;
    }
  }

  async #resolve(seeds: Iterable<string>): Promise<{ found: Address[]; failures: Error[] }> {
    const found: Address[] = [];
    const failures: Error[] = [];
    for (const seed of seeds) {
      try {
        found.push(...(await this.#surroundings.resolve(seed)));
      } catch (error) {
        failures.push(new Error(`could not join ${seed}: ${(error as Error).message}`, { cause: error }));
      }
    }
    return { found, failures };
  }

  /** Names of the members that should answer, this one among them. */
  #upNames(): string[] {
    const up = this.members().filter(({ status }) => status === 'alive' || status === 'leaving');
    return up.map(({ name }) => name);
  }

  #find(name: string): Member {
    const member = this.member(name);
    if (member) return member;
    throw new GossipError('no-such-member', `no member is named "${name}"`);
  }

  /** Calls the application; what it throws goes no further. */
  #attempt<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#log(`the application failed: ${error instanceof Error ? error.stack : error}`);
      return undefined;
    }
  }

  #log(text: string): void {
    this.#options.log?.('warn', text);
  }
}

function countByStatus(members: readonly Member[]): Record<Status, number> {
  const counts = { alive: 0, leaving: 0, left: 0, failed: 0 };
  for (const { status } of members) counts[status]++;
  return counts;
}
