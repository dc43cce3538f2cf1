import type { Member as Node } from '../core/member.ts';
import type { Address } from '../transport.ts';
import type { Clock } from '../world.ts';
import { LamportClock } from './lamport.ts';
import type { JoinIntent, LeaveIntent, SerfState } from './message.ts';
import { decodeTags, type Tags } from './tags.ts';

/**
 * `alive`; `leaving`: it said that it will go; `left`: it went after saying so; `failed`: it went without a word.
 * In the order of Serf's numbers, from 1.
 */
export const STATUSES = ['alive', 'leaving', 'left', 'failed'] as const;
export type Status = (typeof STATUSES)[number];

export interface Member {
  readonly name: string;
  readonly address: Address;
  readonly tags: Tags;
  readonly status: Status;
  /** When it got this status, as far as this node knows: milliseconds since 1970. */
  readonly statusSince: number;
  /** Chosen by the node itself; higher each time that it has something new to say of itself. */
  readonly incarnation: number;
  /** [pmin, pmax, pcur, dmin, dmax, dcur]: the versions of protocol and application that it understands and speaks. */
  readonly versions: Uint8Array;
}

export interface RosterEvent {
  readonly type: 'join' | 'leave' | 'failed' | 'update' | 'reap';
  readonly member: Member;
}

export interface RosterOptions {
  /** Of this node. */
  readonly name: string;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly event: (event: RosterEvent) => void;
  /** Somebody says that this node leaves, and it does not. */
  readonly refute: () => void;
  /** How long failed members, and left ones, are kept, ms. */
  readonly failedKept: number;
  readonly leftKept: number;
  /** Whether a name is that of somebody known; others are soon forgotten. All are known unless told otherwise. */
  readonly isKnown?: ((name: string) => boolean) | undefined;
}

/** How long an intent is kept that came before the member that it is about, ms. */
const INTENT_KEPT = 300_000;
/** How long a member is kept that is gone and was not known, ms. */
const STRANGER_KEPT = 600_000;
/** More of them than this are from somebody who invents names. */
const INTENTS_LIMIT = 4_096;

/** Members that are kept, with those that are gone: many times what a cluster has. */
const MEMBERS_LIMIT = 262_144;

interface Entry {
  member: Member;
  /** The Lamport time of what its status is based on. */
  statusTime: number;
  /** When it was gone, by the monotonic clock, ms. */
  goneAt: number;
  /** It is to be forgotten as soon as it is gone. */
  pruned: boolean;
}

interface EarlyIntent {
  readonly type: 'join' | 'leave';
  readonly lTime: number;
  readonly at: number;
}

/** Who is there and who was, as Serf tells it: from what gossip knows of the nodes, and what they said before. */
export class Roster {
  readonly time = new LamportClock();
  /** This node is leaving, so whoever says so is right. */
  leaving = false;
  readonly #options: RosterOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #early = new Map<string, EarlyIntent>();

  constructor(options: RosterOptions) {
    this.#options = options;
  }

  get(name: string): Member | undefined {
    return this.#entries.get(name)?.member;
  }

  members(): Member[] {
    return Array.from(this.#entries.values(), ({ member }) => member);
  }

  /** A node has come, or come back. */
  nodeCame(node: Node): void {
    const former = this.#entries.get(node.name);
    const early = former ? undefined : this.#early.get(node.name);
    const entry: Entry = former ?? { member: this.#describe(node, 'alive'), statusTime: 0, goneAt: 0, pruned: false };
    entry.member = this.#describe(node, early?.type === 'leave' ? 'leaving' : 'alive');
    entry.pruned = false;
    if (early) entry.statusTime = early.lTime;
    this.#early.delete(node.name);
    if (!former && this.#entries.size >= MEMBERS_LIMIT) this.#forgetOne();
    this.#entries.set(node.name, entry);
    this.#options.event({ type: 'join', member: entry.member });
  }

  /** A node says something new of itself. */
  nodeChanged(node: Node): void {
    const entry = this.#entries.get(node.name);
    if (!entry) return;
    const { status, statusSince } = entry.member;
    entry.member = { ...this.#describe(node, status), statusSince };
    this.#options.event({ type: 'update', member: entry.member });
  }

  nodeGone(node: Node): void {
    const entry = this.#entries.get(node.name);
    const { status } = entry?.member ?? {};
    if (!entry || (status !== 'alive' && status !== 'leaving')) return;
    entry.goneAt = this.#options.clock.now();
    this.#setStatus(entry, status === 'leaving' ? 'left' : 'failed');
    this.#options.event({ type: status === 'leaving' ? 'leave' : 'failed', member: entry.member });
    if (entry.pruned) this.#forget(entry);
  }

  /** @returns whether it was news, to be passed on */
  leaveIntent({ lTime, node, prune }: LeaveIntent): boolean {
    if (!this.time.witness(lTime)) return false;
    const entry = this.#entries.get(node);
    if (!entry) return this.#keepEarly(node, 'leave', lTime);
    if (lTime <= entry.statusTime) return false;
    if (node === this.#options.name && !this.leaving) {
      this.#options.refute();
      return false;
    }
    // Before it is passed on: else two leaves of one node would echo for ever.
    entry.statusTime = lTime;
    entry.pruned ||= prune;
    const { status } = entry.member;
    if (status === 'alive') this.#setStatus(entry, 'leaving');
    if (status === 'failed') {
      this.#setStatus(entry, 'left');
      this.#options.event({ type: 'leave', member: entry.member });
    }
    if (entry.pruned && entry.member.status === 'left') this.#forget(entry);
    return true;
  }

  /** @returns whether it was news, to be passed on */
  joinIntent({ lTime, node }: JoinIntent): boolean {
    if (!this.time.witness(lTime)) return false;
    const entry = this.#entries.get(node);
    if (!entry) return this.#keepEarly(node, 'join', lTime);
    if (lTime <= entry.statusTime) return false;
    entry.statusTime = lTime;
    if (entry.member.status === 'leaving') {
      entry.pruned = false;
      this.#setStatus(entry, 'alive');
    }
    return true;
  }

  /** What goes along with a push/pull. */
  state(): Pick<SerfState, 'lTime' | 'statusLTimes' | 'leftMembers'> {
    const statusLTimes = new Map<string, number>();
    const leftMembers: string[] = [];
    for (const [name, { member, statusTime }] of this.#entries) {
      statusLTimes.set(name, statusTime);
      if (member.status === 'left') leftMembers.push(name);
    }
    return { lTime: this.time.time, statusLTimes, leftMembers };
  }

  /** @param isNewcomer this node joins the other's cluster */
  merge({ lTime, statusLTimes, leftMembers }: SerfState, isNewcomer = false): void {
    this.time.meet(lTime, isNewcomer);
    const left = new Set(leftMembers);
    // First, for what they say is older than what the others have witnessed.
    for (const node of left) this.leaveIntent({ lTime: statusLTimes.get(node) ?? 0, node, prune: false });
    for (const [node, time] of statusLTimes) {
      if (!left.has(node)) this.joinIntent({ lTime: time, node });
    }
  }

  /** Forgets whoever has been gone for too long. Call it now and then. */
  reap(): void {
    const { isKnown = () => true } = this.#options;
    const now = this.#options.clock.now();
    for (const entry of this.#entries.values()) {
      const { status } = entry.member;
      const kept = status === 'failed' ? this.#options.failedKept : status === 'left' ? this.#options.leftKept : null;
      if (kept === null) continue;
      const gone = now - entry.goneAt;
      if (gone > kept || (gone > STRANGER_KEPT && !isKnown(entry.member.name))) this.#forget(entry);
    }
    for (const [name, { at }] of this.#early) {
      if (now - at > INTENT_KEPT) this.#early.delete(name);
    }
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.member.name);
    this.#options.event({ type: 'reap', member: entry.member });
  }

  /** Makes room: the oldest of those that are gone. */
  #forgetOne(): void {
    for (const entry of this.#entries.values()) {
      const { status } = entry.member;
      if (status !== 'failed' && status !== 'left') continue;
      this.#forget(entry);
      return;
    }
  }

  #keepEarly(name: string, type: EarlyIntent['type'], lTime: number): boolean {
    const former = this.#early.get(name);
    if (former ? lTime <= former.lTime : this.#early.size >= INTENTS_LIMIT) return false;
    this.#early.set(name, { type, lTime, at: this.#options.clock.now() });
    return true;
  }

  #setStatus(entry: Entry, status: Status): void {
    entry.member = { ...entry.member, status, statusSince: this.#options.wallClock() };
  }

  #describe({ name, address, meta, incarnation, vsn }: Node, status: Status): Member {
    const statusSince = this.#options.wallClock();
    return { name, address, tags: decodeTags(meta), status, statusSince, incarnation, versions: vsn };
  }
}
