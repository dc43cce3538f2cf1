import type { Address } from '../transport.ts';
import type { OpenOptions, SealOptions } from '../wire/packet.ts';
import type { Timer, World } from '../world.ts';
import { Acks } from './acks.ts';
import { addressBytes } from './address.ts';
import { Awareness } from './awareness.ts';
import { BroadcastQueue } from './broadcast-queue.ts';
import { type Counters, createCounters } from './counters.ts';
import { type Delegate, guard, type MemberEvent } from './delegate.ts';
import { GossipError } from './error.ts';
import { Exchanges } from './exchanges.ts';
import { Gossiper } from './gossiper.ts';
import { Inbound } from './inbound.ts';
import type { Local, Log } from './local.ts';
import { Lost } from './lost.ts';
import { LAST_INCARNATION, type Member } from './member.ts';
import { type Census, Members } from './members.ts';
import { isName, META_LIMIT, Membership, NAME_LIMIT, type Profession } from './membership.ts';
import { Outbox } from './outbox.ts';
import { sourceOf } from './probe.ts';
import { Prober } from './prober.ts';
import type { Profile } from './profiles.ts';
import { PushPull } from './push-pull.ts';
import { drawMembers } from './random.ts';
import { Relay } from './relay.ts';
import { retransmitLimit } from './scaling.ts';
import { areVersions, BARE_VERSIONS } from './versions.ts';

export interface MemberlistOptions {
  /** Unique in the cluster, and the same after a restart. */
  readonly name: string;
  readonly world: World;
  readonly profile: Profile;
  /**
   * What the node's own word begins with, in [1, 2^32): after a restart it must be higher than before, or whoever holds the
   * node for dead does not believe it. Seconds of the wall clock are.
   */
  readonly incarnation: number;
  /** Where others reach this node, when that is not what the transport is bound to. */
  readonly advertise?: Address;
  /** What others are told of this node, up to 512 bytes. */
  readonly meta?: Uint8Array;
  /** Six bytes, `BARE_VERSIONS` unless told otherwise. All members of a cluster must understand each other's. */
  readonly vsn?: Uint8Array;
  readonly security?: Partial<SealOptions & OpenOptions>;
  /** The highest incarnation that a node may be accused with; any unless told otherwise. */
  readonly highest?: () => number;
  /** Which addresses members may have; all unless told otherwise. */
  readonly allows?: (host: string) => boolean;
  /** Whether a name is that of somebody known: of others a thousand are remembered. All are unless told otherwise. */
  readonly isKnown?: ((name: string) => boolean) | undefined;
  /** Names that are remembered at once. */
  readonly limit?: number;
  readonly delegate?: Delegate;
  readonly log?: Log;
  /** Whom it knows from the beginning, itself among them; for simulations. */
  readonly census?: Census;
}

/** How a join went, seed by seed. */
export interface Joined {
  readonly joined: number;
  readonly failures: readonly Error[];
}

const LIMIT = 131_072;

const NOTHING = new Uint8Array(0);

const OPEN: SealOptions & OpenOptions = {
  label: '',
  keyring: null,
  compress: false,
  verifyOutgoing: true,
  verifyIncoming: true,
};

/** A node of a cluster: SWIM with Lifeguard, in the dialect of memberlist. It has nothing of the outside but its world. */
export class Memberlist {
  readonly #local: Local;
  readonly #queue: BroadcastQueue;
  readonly #acks: Acks;
  readonly #outbox: Outbox;
  readonly #exchanges: Exchanges;
  readonly #membership: Membership;
  readonly #prober: Prober;
  readonly #gossiper: Gossiper;
  readonly #pushPull: PushPull;
  readonly #relay: Relay;
  readonly #lost: Lost;
  readonly #inbound: Inbound;
  readonly #pings = new Set<Timer>();
  #profession: Profession;
  #state: 'new' | 'running' | 'left' | 'stopped' = 'new';

  /** @throws GossipError `invalid` */
  constructor(options: MemberlistOptions) {
    checkOptions(options);
    const { world, profile, incarnation, highest, isKnown, allows = () => true, limit = LIMIT } = options;
    const security = { ...OPEN, ...options.security };
    const local = createLocal(options, (event) => this.#lost.note(event));
    const queue = new BroadcastQueue({
      transmits: () => retransmitLimit(profile.retransmitMult, local.members.size),
      capacity: limit,
    });
    const acks = new Acks(world.random);
    const outbox = new Outbox(local, security, queue);
    const exchanges = new Exchanges(local, security);
    const membership = new Membership(local, queue, {
      allows,
      isKnown,
      limit,
      incarnation,
      ...(highest && { highest }),
    });
    const pushPull = new PushPull(local, exchanges, membership);
    const relay = new Relay(local, acks, outbox);
    this.#local = local;
    this.#queue = queue;
    this.#acks = acks;
    this.#outbox = outbox;
    this.#exchanges = exchanges;
    this.#membership = membership;
    this.#prober = new Prober({ local, acks, outbox, exchanges }, membership);
    this.#gossiper = new Gossiper(local, outbox);
    this.#pushPull = pushPull;
    this.#relay = relay;
    this.#lost = new Lost(local, pushPull);
    this.#inbound = new Inbound({ local, security, acks, membership, outbox, relay, pushPull });
    const { host, port } = local.address;
    const { meta = NOTHING, vsn = BARE_VERSIONS } = options;
    this.#profession = { addr: addressBytes(host), port, meta, vsn };
  }

  /** Takes part from now on, alone until it joins others or is joined. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    const { world, members, name } = this.#local;
    world.transport.receive(this.#inbound);
    if (!members.get(name)) this.#membership.announce(this.#profession);
    for (const task of [this.#prober, this.#gossiper, this.#pushPull, this.#lost]) task.start();
  }

  get name(): string {
    return this.#local.name;
  }

  get address(): Address {
    return this.#local.address;
  }

  get counters(): Readonly<Counters> {
    return this.#local.counters;
  }

  /** The local health score: 0 is healthy. */
  get health(): number {
    return this.#local.awareness.score;
  }

  /** Membership messages that wait to be told. */
  get queued(): number {
    return this.#queue.length;
  }

  /** All in the table, this node itself, the dead and those that left too: the n of all formulas. */
  get size(): number {
    return this.#local.members.size;
  }

  /** How many are alive or suspect, this node too. */
  get up(): number {
    return this.#local.members.up;
  }

  members(): Member[] {
    return [...this.#local.members];
  }

  member(name: string): Member | undefined {
    return this.#local.members.get(name);
  }

  /** Different members drawn at random; there may be fewer. */
  draw(count: number, suitable: (member: Member) => boolean): Member[] {
    return drawMembers(this.#local.members, count, this.#local.world.random, suitable);
  }

  /** Members that failed and are still looked for, whether or not the table has them. */
  get lost(): string[] {
    return this.#lost.names;
  }

  /** Looks for a lost member no more: it is known that it will not come back. */
  giveUp(name: string): void {
    this.#lost.giveUp(name);
  }

  /**
   * Exchanges states with each of the seeds. One that answers is enough to find all others; several help a node that
   * comes back after a partition.
   */
  async join(seeds: readonly Address[]): Promise<Joined> {
    this.#check();
    const results = await Promise.allSettled(seeds.map((seed) => this.#pushPull.exchange(seed, true)));
    const failures = results.flatMap((result, i) => {
      if (result.status === 'fulfilled') return [];
      const { host, port } = seeds[i]!;
      const cause = result.reason as Error;
      const code = cause instanceof GossipError ? cause.code : 'unreachable';
      return [new GossipError(code, `could not join ${host} port ${port}: ${cause.message}`)];
    });
    return { joined: seeds.length - failures.length, failures };
  }

  /** Exchanges states with a random member at once: after a pause in which this node heard nothing. */
  resync(): void {
    this.#pushPull.now();
  }

  /**
   * Tells others what this node is now.
   *
   * @param meta up to 512 bytes
   * @param told called when enough others were told
   * @throws GossipError `invalid`, `stopped`
   */
  setMeta(meta: Uint8Array, told?: () => void): void {
    this.#check();
    checkMeta(meta);
    this.#profession = { ...this.#profession, meta };
    this.#membership.announce(this.#profession, told);
  }

  /** Sends a user message in a packet: at once, and with no promise. */
  send(to: Pick<Member, 'name' | 'address'>, payload: Uint8Array): void {
    if (this.#state === 'stopped') return;
    this.#outbox.send({ type: 'user', payload }, to.address, this.member(to.name) ?? null);
  }

  /** Gives a user message of up to 20 MiB over a stream. @throws Error when it cannot be reached */
  async deliver(to: Address, payload: Uint8Array): Promise<void> {
    this.#check();
    await this.#exchanges.deliver(to, payload);
  }

  /** @returns round trip of a ping, ms   @throws GossipError `timeout`, `unreachable`, `stopped` */
  ping({ name, address }: Pick<Member, 'name' | 'address'>): Promise<number> {
    this.#check();
    const { world, profile } = this.#local;
    const start = world.clock.now();
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        timer.cancel();
        this.#pings.delete(timer);
        this.#acks.forget(seqNo);
        settle();
      };
      const seqNo = this.#acks.expect({ ack: () => end(() => resolve(world.clock.now() - start)) });
      const timer = world.clock.after(profile.probeTimeout, () =>
        end(() => reject(new GossipError('timeout', `${name} did not answer within ${profile.probeTimeout} ms`))),
      );
      this.#pings.add(timer);
      const ping = { type: 'ping', seqNo, node: name, ...sourceOf(this.#local) } as const;
      this.#outbox.send(ping, address, this.member(name) ?? null, () =>
        end(() => reject(new GossipError('unreachable', `a ping to ${name} could not be sent`))),
      );
    });
  }

  /**
   * Tells others that this node goes of its own will. It still answers, and tells what waits, until it is stopped.
   *
   * @param timeout ms after which it resolves though not enough others were told
   */
  async leave(timeout: number): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'left';
    for (const task of [this.#prober, this.#pushPull, this.#lost]) task.stop();
    const { world, members } = this.#local;
    const alone = members.up <= 1;
    await new Promise<void>((resolve) => {
      const timer = world.clock.after(timeout, resolve);
      this.#membership.leave(() => {
        timer.cancel();
        resolve();
      });
      if (alone) {
        timer.cancel();
        resolve();
      }
    });
  }

  /** Ends at once, without a word: to others it fails. The transport is closed, too. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    for (const task of [this.#prober, this.#gossiper, this.#pushPull, this.#lost, this.#relay, this.#membership]) {
      task.stop();
    }
    for (const timer of this.#pings) timer.cancel();
    await this.#local.world.transport.close();
  }

  #check(): void {
    if (this.#state === 'running') return;
    throw new GossipError('stopped', this.#state === 'new' ? 'this node was not started' : 'this node has left');
  }
}

function createLocal(options: MemberlistOptions, noted: (event: MemberEvent) => void): Local {
  const { name, world, profile, advertise, delegate = {}, log = () => {}, census } = options;
  const counters = createCounters();
  const guarded = guard(delegate, (error) => {
    counters.delegateErrors++;
    log('warn', `the application failed: ${error instanceof Error ? error.message : String(error)}`);
  });
  return {
    name,
    address: advertise ?? world.transport.address,
    world,
    profile,
    members: new Members(census),
    delegate: {
      ...guarded,
      event(event) {
        noted(event);
        guarded.event(event);
      },
    },
    awareness: new Awareness(profile.lifeguard ? profile.awarenessMax : 1),
    counters,
    log,
  };
}

function checkOptions({ name, meta = NOTHING, vsn = BARE_VERSIONS, incarnation }: MemberlistOptions): void {
  if (!isName(name)) throw new GossipError('invalid', `a node's name has 1 to ${NAME_LIMIT} bytes: "${name}" has not`);
  checkMeta(meta);
  if (vsn.length !== 6 || !areVersions(vsn)) throw new GossipError('invalid', `no versions of a node: ${vsn}`);
  if (!Number.isInteger(incarnation) || incarnation < 1 || incarnation > LAST_INCARNATION) {
    throw new GossipError('invalid', `an incarnation is a whole number in [1, 2^32), not ${incarnation}`);
  }
}

function checkMeta(meta: Uint8Array): void {
  if (meta.length <= META_LIMIT) return;
  throw new GossipError('invalid', `a node may tell ${META_LIMIT} bytes of itself, not ${meta.length}`);
}
