import { encodeMessage } from '../wire/codec.ts';
import type { Alive, Dead, NodeState, Suspect } from '../wire/message.ts';
import { addressText, sameAddress } from './address.ts';
import type { Broadcast, BroadcastQueue } from './broadcast-queue.ts';
import { countDrop } from './counters.ts';
import type { Local } from './local.ts';
import { changed, createMember, isUp, LAST_INCARNATION, type Member } from './member.ts';
import { confirmationsWanted, shortestSuspicion } from './scaling.ts';
import { Strangers } from './strangers.ts';
import { Suspicion } from './suspicion.ts';
import { areVersions } from './versions.ts';

/** Bytes of data that a node may tell of itself. */
export const META_LIMIT = 512;

/** Bytes of a name. Together with the data it fits into a packet. */
export const NAME_LIMIT = 256;

const encoder = new TextEncoder();

type Finished = Broadcast['finished'];

/** What a node tells of itself. */
export type Profession = Pick<NodeState, 'addr' | 'port' | 'meta' | 'vsn'>;

export interface MembershipOptions {
  /** Which addresses members may have. */
  readonly allows: (host: string) => boolean;
  /** Names that are remembered at once; beyond it no new ones are. */
  readonly limit: number;
  /** Whether a name is that of somebody known: of others few are remembered. All are known unless told otherwise. */
  readonly isKnown?: ((name: string) => boolean) | undefined;
  /** What this node begins with; higher than it ever had, so that its restart is believed at once. */
  readonly incarnation: number;
  /** The highest that a node may be accused with: with the last one there is, it could not defend itself ever again. */
  readonly highest?: () => number;
}

/** How often a node may defend itself against the highest accusation. */
const DEFENCES = 1_000;

/**
 * Who is alive, suspect, dead or has left, by what is told and by whose word is newer: that of the higher incarnation,
 * which only the node itself may raise. Each message is handled in the order of checks of memberlist.
 */
export class Membership {
  readonly #local: Local;
  readonly #queue: BroadcastQueue;
  readonly #options: MembershipOptions;
  readonly #suspicions = new Map<string, Suspicion>();
  readonly #strangers: Strangers;
  #incarnation: number;
  #leaving = false;

  constructor(local: Local, queue: BroadcastQueue, options: MembershipOptions) {
    this.#local = local;
    this.#queue = queue;
    this.#options = options;
    this.#incarnation = options.incarnation;
    this.#strangers = new Strangers(options.isKnown ?? (() => true), local.world.clock);
  }

  /** Tells what this node is, at its start and whenever it has changed. */
  announce(profession: Profession, finished?: Finished): void {
    const { name, members } = this.#local;
    if (members.get(name)) this.#raise(this.#incarnation);
    this.#hear({ type: 'alive', node: name, incarnation: this.#incarnation, ...profession }, true, finished);
  }

  /** @param finished told when enough others were told */
  leave(finished: Finished): void {
    this.#leaving = true;
    const { name } = this.#local;
    this.dead({ type: 'dead', node: name, from: name, incarnation: this.#incarnation }, finished);
  }

  alive(message: Alive): void {
    this.#hear(message, false);
  }

  suspect(message: Suspect): void {
    const { name, members, world, counters } = this.#local;
    const known = members.get(message.node);
    if (!known || message.incarnation < known.incarnation || !isName(message.from)) return;
    if (this.#isBeyond(message)) return;
    const suspicion = this.#suspicions.get(known.name);
    if (suspicion) {
      if (suspicion.confirm(message.from)) this.#broadcast(message);
      return;
    }
    if (known.state !== 'alive') return;
    if (known.name === name) {
      this.#refute(known, message.incarnation);
      return;
    }
    counters.suspicions++;
    this.#broadcast(message);
    members.put(changed(known, { incarnation: message.incarnation, state: 'suspect' }, world.clock.now()));
    this.#suspicions.set(known.name, this.#startSuspicion(known.name, message.from));
  }

  dead(message: Dead, finished?: Finished): void {
    const { name, members, world, counters, delegate } = this.#local;
    const known = members.get(message.node);
    if (!known || message.incarnation < known.incarnation || !isName(message.from)) return;
    if (this.#isBeyond(message)) return;
    this.#dropSuspicion(known.name);
    if (!isUp(known)) return;
    if (known.name === name && !this.#leaving) {
      this.#refute(known, message.incarnation);
      return;
    }
    counters.deaths++;
    this.#broadcast(message, finished);
    const state = message.from === message.node ? 'left' : 'dead';
    const member = changed(known, { incarnation: message.incarnation, state }, world.clock.now());
    members.put(member);
    delegate.event({ type: 'leave', member });
  }

  /**
   * Takes in another node's whole table. What it holds for dead is only suspected here, so that it can defend itself, and
   * by this node's own word: what comes by the same way again and again is one accuser.
   */
  merge(nodes: readonly NodeState[]): void {
    const { name: self } = this.#local;
    for (const { name, state, incarnation, addr, port, meta, vsn } of nodes) {
      if (state === 'alive') this.alive({ type: 'alive', node: name, incarnation, addr, port, meta, vsn });
      else if (state === 'left') this.dead({ type: 'dead', node: name, incarnation, from: name });
      else this.suspect({ type: 'suspect', node: name, incarnation, from: self });
    }
  }

  /** Removes those who have been dead or gone for long enough; positions in the table are others afterwards. */
  forget(): void {
    const { members, profile, world, delegate } = this.#local;
    const before = world.clock.now() - profile.gossipToTheDead;
    const gone = members.remove((member) => !isUp(member) && member.since <= before);
    for (const member of gone) {
      this.#strangers.forget(member.name);
      delegate.event({ type: 'forget', member });
    }
  }

  stop(): void {
    for (const suspicion of this.#suspicions.values()) suspicion.cancel();
    this.#suspicions.clear();
  }

  #hear(message: Alive, own: boolean, finished?: Finished): void {
    const { name, members, delegate, counters } = this.#local;
    const self = message.node === name;
    if (self && this.#leaving) return;
    // First, for it costs the least, and there may be many.
    if (!own && !members.get(message.node) && !this.#strangers.mayEnter(message.node)) {
      countDrop(counters, 'table-full');
      return;
    }
    const told = this.#read(message);
    if (!own && this.#isBeyond(message, DEFENCES)) return;
    if (!told || (!self && !delegate.admit(told))) {
      countDrop(counters, 'not-admitted');
      return;
    }

    const known = members.get(told.name);
    const moved = known !== undefined && !sameAddress(known.address, told.address);
    if (moved && !this.#mayMove(known)) {
      counters.conflicts++;
      delegate.conflict(known, told.address);
      return;
    }
    if (!known && members.size >= this.#options.limit) {
      countDrop(counters, 'table-full');
      return;
    }
    const incarnation = known?.incarnation ?? 0;
    if (self ? told.incarnation < incarnation : told.incarnation <= incarnation && !moved) return;

    this.#dropSuspicion(told.name);
    if (self && !own) {
      if (known && told.incarnation === incarnation && sameProfession(known, told)) return;
      this.#refute(known ?? told, told.incarnation);
      return;
    }
    this.#broadcast(message, finished);
    if (!known && !own) this.#strangers.entered(told.name);
    members.put(known?.state === 'alive' ? { ...told, since: known.since } : told);
    this.#tellOf(known, told);
  }

  /** @returns null when it is not fit to be a member */
  #read({ node, incarnation, addr, port, meta, vsn }: Alive): Member | null {
    const { address, world } = this.#local;
    if (!isName(node) || meta.length > META_LIMIT || !areVersions(vsn)) return null;
    const state: NodeState = { name: node, addr, port: port || address.port, meta, incarnation, state: 'alive', vsn };
    const host = addressText(addr);
    return host !== null && this.#options.allows(host) ? createMember(state, world.clock.now()) : null;
  }

  /** Whether a name may be had by a node at another address. */
  #mayMove({ state, since }: Member): boolean {
    const { profile, world } = this.#local;
    if (state === 'left') return true;
    return state === 'dead' && profile.reclaimTime > 0 && world.clock.now() - since > profile.reclaimTime;
  }

  #isBeyond({ incarnation }: Pick<Alive, 'incarnation'>, more = 0): boolean {
    const { highest } = this.#options;
    if (!highest || incarnation <= highest() + more) return false;
    countDrop(this.#local.counters, 'not-admitted');
    return true;
  }

  #tellOf(former: Member | undefined, member: Member): void {
    const { delegate } = this.#local;
    if (!former || !isUp(former)) delegate.event({ type: 'join', member });
    else if (!sameBytes(former.meta, member.meta)) delegate.event({ type: 'update', member });
  }

  #refute(self: Member, accused: number): void {
    const { members, awareness, counters } = this.#local;
    counters.refutations++;
    this.#raise(accused);
    awareness.apply(1);
    const member = changed(self, { incarnation: this.#incarnation });
    members.put(member);
    const { name, addr, port, meta, vsn, incarnation } = member;
    this.#broadcast({ type: 'alive', node: name, incarnation, addr, port, meta, vsn });
  }

  #raise(above: number): void {
    this.#incarnation = Math.min(Math.max(this.#incarnation, above) + 1, LAST_INCARNATION);
  }

  #startSuspicion(node: string, from: string): Suspicion {
    const { profile, members, world, name } = this.#local;
    const { suspicionMult, suspicionMaxMult, probeInterval, lifeguard } = profile;
    const min = shortestSuspicion(suspicionMult, members.size, probeInterval);
    return new Suspicion({
      clock: world.clock,
      k: lifeguard ? confirmationsWanted(suspicionMult, members.size) : 0,
      min,
      max: suspicionMaxMult * min,
      from,
      expired: () => {
        const { incarnation } = members.get(node)!;
        this.dead({ type: 'dead', node, incarnation, from: name });
      },
    });
  }

  #dropSuspicion(node: string): void {
    this.#suspicions.get(node)?.cancel();
    this.#suspicions.delete(node);
  }

  #broadcast(message: Alive | Suspect | Dead, finished?: Finished): void {
    const urgent = message.node === this.#local.name && message.type === 'dead';
    this.#queue.add({ message: encodeMessage(message), about: message.node, urgent, ...(finished && { finished }) });
  }
}

/** Whether a node may be called so. */
export function isName(name: string): boolean {
  if (3 * name.length <= NAME_LIMIT) return name !== '';
  return name.length <= NAME_LIMIT && encoder.encode(name).length <= NAME_LIMIT;
}

function sameProfession(one: NodeState, other: NodeState): boolean {
  return sameBytes(one.meta, other.meta) && sameBytes(one.vsn, other.vsn);
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
