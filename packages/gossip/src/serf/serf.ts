import { addressBytes, addressText } from '../core/address.ts';
import { BroadcastQueue } from '../core/broadcast-queue.ts';
import type { Delegate, MemberEvent, Outgoing } from '../core/delegate.ts';
import type { Member as Node } from '../core/member.ts';
import type { Address } from '../transport.ts';
import { WireError } from '../wire/error.ts';
import type { Keyring } from '../wire/keyring.ts';
import type { Timer, World } from '../world.ts';
import { CONFLICT_QUERY, describeMember, isLost } from './conflict.ts';
import { answerKeyQuery, toBase64 } from './keys.ts';
import { MESSAGES, SERF } from './message.ts';
import { createOutgoing } from './outgoing.ts';
import { OwnMessages } from './own-messages.ts';
import { type Destination, Queries, type Question } from './queries.ts';
import { Roster, type RosterEvent } from './roster.ts';
import type { Tags } from './tags.ts';
import { type Coalescing, UserEvents } from './user-events.ts';

/** What happened in the cluster. */
export type GossipEvent =
  | RosterEvent
  | { readonly type: 'user-event'; readonly name: string; readonly payload: Uint8Array }
  | { readonly type: 'query'; readonly question: Question }
  /** A key query has changed the keyring, in base64, the primary key first: whoever keeps it should write it down. */
  | { readonly type: 'keys'; readonly keys: readonly string[] }
  /** Another node claims a name that is taken. `lost`: it is this node's, and most members hold the other for it. */
  | { readonly type: 'conflict'; readonly name: string; readonly other: Address; readonly lost: boolean };

export interface SerfOptions {
  readonly name: string;
  readonly world: World;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly keyring: Keyring | null;
  /** Whether key queries are obeyed; true by default. */
  readonly keyQueries?: boolean | undefined;
  /** The tag by which nodes of one kind know each other: it has the same value. Null: all are of one kind. */
  readonly kindTag: string | null;
  /** How long failed members and left ones are kept, ms. */
  readonly failedKept: number;
  readonly leftKept: number;
  readonly isKnown?: ((name: string) => boolean) | undefined;
  readonly coalescing: Coalescing;
  readonly event: (event: GossipEvent) => void;
  readonly message: (payload: Uint8Array, from: string) => void;
  readonly appState: () => Uint8Array;
  readonly mergeAppState: (state: Uint8Array) => void;
  readonly core: SerfCore;
}

/** What Serf needs of the node that it is a layer of. */
export interface SerfCore {
  /** Who this node is to others. */
  self(): Destination & { readonly tags: Tags };
  /** Sends a user message in a packet. */
  send(payload: Uint8Array, to: Address): void;
  /** In how many packets a message is sent that all should hear. @param more added to the cluster's factor */
  transmits(more: number): number;
  /** How long gossip takes to reach everybody, generously, ms. */
  patience(): number;
}

/** Broadcasts of each kind that wait to be sent. */
const QUEUE_LIMIT = 4_096;
/**
 * User messages are sent somewhat more often than those of membership: one that misses a member is not mended by the next
 * push/pull, and with no more one query in fifty missed somebody among five nodes.
 */
const MORE_TRANSMITS = 2;
const REAP_INTERVAL = 15_000;
/** Numbers of broadcasts begin with the clock of their node, and clocks differ, ms. */
const SEQUENCE_AHEAD_MAX = 3_600_000;

/** What Serf adds to memberlist: why somebody is gone, tags, events, queries, and the keyring of the whole cluster. */
export class Serf implements Delegate {
  readonly roster: Roster;
  readonly events: UserEvents;
  readonly queries: Queries;
  readonly own: OwnMessages;
  /** User messages that were not acted upon, by reason. */
  readonly drops = { malformed: 0, unknown: 0, relay: 0 };
  /** While this node joins: events of before are of no interest. */
  joining = false;
  readonly outgoing: Outgoing;
  readonly #options: SerfOptions;
  readonly #intents: BroadcastQueue;
  #reaping: Timer | undefined;
  #resolving = false;

  constructor(options: SerfOptions) {
    const { name, world, wallClock, failedKept, leftKept, isKnown, core, event } = options;
    const { clock, random } = world;
    const createQueue = () =>
      new BroadcastQueue({ transmits: () => core.transmits(MORE_TRANSMITS), capacity: QUEUE_LIMIT });
    const [intents, events, queries] = [createQueue(), createQueue(), createQueue()];
    this.#options = options;
    this.#intents = intents;
    this.roster = new Roster({
      name,
      clock,
      wallClock,
      failedKept,
      leftKept,
      isKnown,
      event: (happened) => {
        if (happened.type === 'reap') this.own.forget(happened.member.name);
        event(happened);
      },
      refute: () => this.announce(),
    });
    this.events = new UserEvents({
      clock,
      coalescing: options.coalescing,
      deliver: ({ name: what, payload }) => event({ type: 'user-event', name: what, payload }),
      broadcast: (message) => events.add({ message }),
    });
    this.queries = new Queries({
      clock,
      random,
      self: core.self,
      patience: core.patience,
      population: () => this.roster.members().length,
      ask: (question) => this.#asked(question),
      broadcast: (message) => queries.add({ message }),
      send: (message, { addr, port }) => this.#send(message, addr, port),
      others: (count) => this.#others(count),
    });
    this.own = new OwnMessages({
      name,
      sequence: Math.floor(wallClock() * 1_000),
      highest: () => (wallClock() + SEQUENCE_AHEAD_MAX) * 1_000,
      transmits: () => core.transmits(MORE_TRANSMITS),
      isMember: (origin) => this.roster.get(origin) !== undefined,
      deliver: options.message,
    });
    this.outgoing = createOutgoing([intents, queries, events], this.own.queue, (to) => this.#isOwnKind(to));
  }

  start(): void {
    const { clock } = this.#options.world;
    const reap = () => {
      this.#reaping = clock.after(REAP_INTERVAL, reap);
      this.roster.reap();
    };
    this.#reaping = clock.after(REAP_INTERVAL, reap);
  }

  event({ type, member }: MemberEvent): void {
    if (type === 'join') this.roster.nodeCame(member);
    else if (type === 'update') this.roster.nodeChanged(member);
    else if (type === 'leave') this.roster.nodeGone(member);
  }

  conflict({ name }: Node, claimed: Address): void {
    const { name: self, event } = this.#options;
    if (name === self) void this.#resolve(claimed);
    else event({ type: 'conflict', name, other: claimed, lost: false });
  }

  message(payload: Uint8Array): void {
    try {
      this.#heard(payload);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.drops.malformed++;
    }
  }

  state(): Uint8Array {
    return MESSAGES.state.encode({
      ...this.roster.state(),
      ...this.events.state(),
      queryLTime: this.queries.time.time,
      appState: this.#options.appState(),
    });
  }

  mergeState(bytes: Uint8Array, join: boolean): void {
    if (bytes[0] !== SERF.state) {
      this.drops.unknown++;
      return;
    }
    try {
      const state = MESSAGES.state.decode(bytes);
      const isNewcomer = join && this.joining;
      this.roster.merge(state, isNewcomer);
      this.events.merge(state, isNewcomer);
      this.queries.merge(state.queryLTime, isNewcomer);
      if (state.appState.length > 0) this.#options.mergeAppState(state.appState);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.drops.malformed++;
    }
  }

  /** Tells all that this node is here to stay, whatever they heard before. */
  announce(): void {
    const intent = { lTime: this.roster.time.time, node: this.#options.name };
    this.roster.joinIntent(intent);
    this.#intents.add({ message: MESSAGES.join.encode(intent), about: 'own intent' });
  }

  /**
   * Tells all that this node leaves.
   *
   * @returns when it was told as often as it should be, or the time is over
   */
  announceLeave(timeout: number): Promise<void> {
    this.roster.leaving = true;
    return this.#broadcastLeave(this.#options.name, false, timeout);
  }

  /** Tells all that a failed member will not come back; `prune`: and that nobody need remember it. */
  async removeFailed(node: string, prune: boolean, timeout: number): Promise<void> {
    await this.#broadcastLeave(node, prune, timeout);
  }

  stop(): void {
    this.#reaping?.cancel();
    this.events.stop();
    this.queries.stop();
  }

  #heard(payload: Uint8Array): void {
    switch (payload[0]) {
      case SERF.leave:
        if (this.roster.leaveIntent(MESSAGES.leave.decode(payload))) this.#intents.add({ message: payload });
        break;
      case SERF.join:
        if (this.roster.joinIntent(MESSAGES.join.decode(payload))) this.#intents.add({ message: payload });
        break;
      case SERF.event:
        this.events.heard(MESSAGES.event.decode(payload));
        break;
      case SERF.query:
        this.queries.heard(MESSAGES.query.decode(payload), payload);
        break;
      case SERF.answer:
        this.queries.answered(MESSAGES.answer.decode(payload));
        break;
      case SERF.relay:
        this.#relay(payload);
        break;
      case SERF.ownBroadcast:
        this.own.heard(payload);
        break;
      case SERF.ownMessage: {
        const { value, body } = MESSAGES.ownMessage.split(payload);
        this.#options.message(body, value.from);
        break;
      }
      default:
        this.drops.unknown++;
    }
  }

  #asked(question: Question): void {
    const { keyring, keyQueries: allowed, event } = this.#options;
    if (question.name === CONFLICT_QUERY) {
      this.#tellOf(new TextDecoder().decode(question.payload), question);
    } else if (question.name.startsWith('_serf_')) {
      const answered = answerKeyQuery(question.name, question.payload, { keyring, allowed });
      if (answered) question.answer(answered.answer);
      if (answered?.changed && keyring) event({ type: 'keys', keys: keyring.keys.map(toBase64) });
    } else {
      event({ type: 'query', question });
    }
  }

  /** Says whom this node knows by a name; of itself it does not, for it would be its own witness. */
  #tellOf(name: string, question: Question): void {
    const member = name === this.#options.name ? undefined : this.roster.get(name);
    if (member) question.answer(describeMember(member));
  }

  /** Passes on a message to a member, and to nobody else: this node is no way to hide where packets come from. */
  #relay(payload: Uint8Array): void {
    const { value, body } = MESSAGES.relay.split(payload);
    const { ip, port } = value.destAddr;
    const host = addressText(ip);
    const known = this.roster.get(value.destName)?.address;
    if (host === null || known?.host !== host || known.port !== port || body[0] === SERF.relay) this.drops.relay++;
    else this.#options.core.send(body, known);
  }

  async #resolve(other: Address): Promise<void> {
    if (this.#resolving) return;
    this.#resolving = true;
    const { name, core, event } = this.#options;
    try {
      const { answers } = await this.queries.send(CONFLICT_QUERY, new TextEncoder().encode(name));
      const votes = answers.filter(({ from }) => from !== name && this.roster.get(from)?.status === 'alive');
      event({ type: 'conflict', name, other, lost: isLost(votes, core.self()) });
    } catch {
      // This node was stopped.
    } finally {
      this.#resolving = false;
    }
  }

  #broadcastLeave(node: string, prune: boolean, timeout: number): Promise<void> {
    const intent = { lTime: this.roster.time.tick(), node, prune };
    this.roster.leaveIntent(intent);
    if (this.#isAlone()) return Promise.resolve();
    const { clock } = this.#options.world;
    return new Promise((resolve) => {
      const timer = clock.after(timeout, resolve);
      const finished = () => {
        timer.cancel();
        resolve();
      };
      const about = node === this.#options.name ? 'own intent' : `leave ${node}`;
      this.#intents.add({ message: MESSAGES.leave.encode(intent), about, urgent: true, finished });
    });
  }

  /** Whether nobody else is there to be told. Whoever is said to leave may be about to deny it. */
  #isAlone(): boolean {
    const { name: self } = this.#options;
    const here = this.roster.members().filter(({ status }) => status === 'alive' || status === 'leaving');
    return here.every(({ name }) => name === self);
  }

  #isOwnKind(node: Node | null): boolean {
    const { kindTag, core } = this.#options;
    if (kindTag === null) return true;
    if (node === null) return false;
    const kind = this.roster.get(node.name)?.tags[kindTag];
    return kind !== undefined && kind === core.self().tags[kindTag];
  }

  /** Random ones of those that are alive, without this node. */
  #others(count: number): Destination[] {
    const { name: self, world } = this.#options;
    const alive = this.roster.members().filter(({ name, status }) => name !== self && status === 'alive');
    const chosen: Destination[] = [];
    while (chosen.length < count && alive.length > 0) {
      const [member] = alive.splice(Math.floor(world.random() * alive.length), 1);
      if (!member) continue;
      const { name, address } = member;
      chosen.push({ name, addr: addressBytes(address.host), port: address.port });
    }
    return chosen;
  }

  #send(message: Uint8Array, addr: Uint8Array, port: number): void {
    const host = addressText(addr);
    if (host !== null) this.#options.core.send(message, { host, port });
  }
}
