import { BroadcastQueue } from '../core/broadcast-queue.ts';
import { GossipError } from '../core/error.ts';
import { MESSAGES, type OwnHeader } from './message.ts';

/** Bytes of a broadcast: it has to fit into packets beside other messages. */
const SIZE_LIMIT = 1_024;
/** Broadcasts that wait to be sent. */
const QUEUE_LIMIT = 4_096;
/** How many numbers of one origin are remembered one by one. */
const RECENT_LIMIT = 1_024;

export interface OwnMessagesOptions {
  readonly name: string;
  /** Begins above all numbers of former lives of this node. */
  readonly sequence: number;
  /** Numbers above it are made up; none is unless told otherwise. */
  readonly highest?: () => number;
  /** How often each is sent. */
  readonly transmits: () => number;
  /** Whether there is such a member: from others nothing is taken. */
  readonly isMember: (name: string) => boolean;
  readonly deliver: (payload: Uint8Array, from: string) => void;
}

/**
 * Broadcasts of the application among nodes of its kind. Each is heard once by everybody who is reached; of those with
 * one origin and key a later one takes the place of an earlier one, wherever that waits.
 */
export class OwnMessages {
  readonly queue: BroadcastQueue;
  readonly #options: OwnMessagesOptions;
  readonly #heard = new Map<string, Heard>();
  #sequence: number;

  constructor(options: OwnMessagesOptions) {
    this.#options = options;
    this.#sequence = options.sequence;
    this.queue = new BroadcastQueue({ transmits: options.transmits, capacity: QUEUE_LIMIT });
  }

  /** @throws GossipError when it is too large */
  send(payload: Uint8Array, key = ''): void {
    const header: OwnHeader = { origin: this.#options.name, sequence: this.#sequence++, key };
    const message = MESSAGES.ownBroadcast.encode(header, payload);
    if (message.length > SIZE_LIMIT) {
      throw new GossipError(
        'invalid',
        `a broadcast of ${message.length} bytes with its header is too large, ${SIZE_LIMIT} are allowed: send a digest, and the body when asked for`,
      );
    }
    this.#queue(header, message);
  }

  /** A broadcast that came by gossip; it is passed on if it is new. */
  heard(message: Uint8Array): void {
    const { value: header, body } = MESSAGES.ownBroadcast.split(message);
    const { origin, sequence, key } = header;
    const { name, highest = () => Number.MAX_SAFE_INTEGER - 1, isMember, deliver } = this.#options;
    if (sequence > highest()) return;
    // Who speaks in this node's name counts on for it: what it says itself must go above, or nobody would take it.
    if (origin === name) this.#sequence = Math.max(this.#sequence, sequence + 1);
    if (origin === name || !isMember(origin) || message.length > SIZE_LIMIT) return;
    const heard = this.#heard.get(origin) ?? new Heard();
    this.#heard.set(origin, heard);
    if (!heard.add(sequence, key)) return;
    this.#queue(header, message);
    deliver(body, origin);
  }

  /** The member has been forgotten. */
  forget(origin: string): void {
    this.#heard.delete(origin);
  }

  #queue({ origin, key }: OwnHeader, message: Uint8Array): void {
    this.queue.add(key === '' ? { message } : { message, about: `${origin}\n${key}` });
  }
}

/** Which numbers of an origin have been heard: all up to the floor, and some above it. */
class Heard {
  readonly #recent = new Set<number>();
  /** The last number of each key; the keys that were used last. */
  readonly #byKey = new Map<string, number>();
  #floor = -1;

  /** @returns false when it was heard, or a later one with its key */
  add(sequence: number, key: string): boolean {
    if (sequence <= this.#floor || this.#recent.has(sequence)) return false;
    this.#recent.add(sequence);
    if (this.#recent.size > RECENT_LIMIT) this.#raiseFloor();
    if (key === '') return true;
    const last = this.#byKey.get(key) ?? -1;
    if (sequence < last) return false;
    this.#byKey.delete(key);
    this.#byKey.set(key, sequence);
    if (this.#byKey.size > RECENT_LIMIT) this.#byKey.delete(this.#byKey.keys().next().value as string);
    return true;
  }

  /** Half of them at once, so that it is seldom done. */
  #raiseFloor(): void {
    const sorted = [...this.#recent].sort((one, other) => one - other);
    for (const sequence of sorted.slice(0, sorted.length / 2)) {
      this.#floor = sequence;
      this.#recent.delete(sequence);
    }
  }
}
