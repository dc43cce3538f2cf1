import type { Clock, Timer } from '../world.ts';
import { LamportClock } from './lamport.ts';
import { MESSAGES, type PastEvents, type SerfState, type UserEvent } from './message.ts';
import { Past } from './past.ts';

/** Bytes of an event's name and payload together: it has to fit into packets beside other messages. */
const SIZE_LIMIT = 512;
/** The most that Serf can be told to allow; so nobody sends more. */
const HEARD_LIMIT = 9 * 1024;
/** Events that push/pulls carry along, bytes: the newest. */
const STATE_LIMIT = 64 * 1024;

/** Names of which events are held back at once. */
const NAMES_LIMIT = 1_024;

/** Events that may stand for one another are held back until none has come for `quiet`, and at most for `most`, ms. */
export interface Coalescing {
  readonly quiet: number;
  readonly most: number;
}

export interface UserEventOptions {
  readonly clock: Clock;
  readonly deliver: (event: UserEvent) => void;
  readonly broadcast: (message: Uint8Array) => void;
  readonly coalescing: Coalescing;
}

/** Events of the application that everybody in the cluster hears once. */
export class UserEvents {
  readonly time = new LamportClock();
  readonly #options: UserEventOptions;
  readonly #past = new Past<{ readonly name: string; readonly payload: Uint8Array }>(isSame);
  readonly #held: HeldBack;
  /** Events before it are of no interest: they are older than this node's life in the cluster. */
  #since = 0;

  constructor(options: UserEventOptions) {
    this.#options = options;
    this.#held = new HeldBack(options);
  }

  /** @throws Error when it is too large */
  send(name: string, payload: Uint8Array, coalesce: boolean): void {
    const size = new TextEncoder().encode(name).length + payload.length;
    if (size > SIZE_LIMIT) {
      throw new Error(`the event "${name}" has ${size} bytes of name and payload; ${SIZE_LIMIT} are allowed`);
    }
    const event: UserEvent = { lTime: this.time.tick(), name, payload: payload.slice(), coalesce };
    this.heard(event);
  }

  /** An event that came by gossip, or of this node itself; it is passed on if it is new. */
  heard(event: UserEvent): void {
    if (this.#take(event)) this.#options.broadcast(MESSAGES.event.encode(event));
  }

  /** What goes along with a push/pull: the newest events, as many as have room. */
  state(): Pick<SerfState, 'eventLTime' | 'events'> {
    const events: PastEvents[] = [];
    let room = STATE_LIMIT;
    for (const { lTime, items } of [...this.#past.times()].sort((one, other) => other.lTime - one.lTime)) {
      room -= items.reduce((sum, { name, payload }) => sum + name.length + payload.length + 32, 0);
      if (room < 0) break;
      events.push({ lTime, events: items });
    }
    return { eventLTime: this.time.time, events };
  }

  /** @param isOld this node is joining: what happened before is of no interest to it */
  merge({ eventLTime, events }: SerfState, isOld: boolean): void {
    this.time.meet(eventLTime, isOld);
    if (isOld) this.#since = Math.max(this.#since, Math.min(eventLTime, this.time.time));
    for (const { lTime, events: same } of events) {
      for (const { name, payload } of same) this.#take({ lTime, name, payload, coalesce: false });
    }
  }

  stop(): void {
    this.#held.stop();
  }

  /** @returns whether it is new */
  #take(event: UserEvent): boolean {
    const { lTime, name, payload, coalesce } = event;
    if (name.length + payload.length > HEARD_LIMIT) return false;
    if (!this.time.witness(lTime)) return false;
    if (lTime < this.#since) return false;
    if (!this.#past.add(lTime, { name, payload }, this.time.time)) return false;
    if (coalesce) this.#held.add(event);
    else this.#options.deliver(event);
    return true;
  }
}

/** Of events of one name that may stand for one another only the latest is delivered. */
class HeldBack {
  readonly #options: UserEventOptions;
  #latest = new Map<string, UserEvent[]>();
  #quiet: Timer | undefined;
  #most: Timer | undefined;

  constructor(options: UserEventOptions) {
    this.#options = options;
  }

  add(event: UserEvent): void {
    const { clock, coalescing } = this.#options;
    if (this.#latest.size >= NAMES_LIMIT) this.#deliver();
    const same = this.#latest.get(event.name);
    const known = same?.[0]?.lTime ?? 0;
    if (event.lTime < known) return;
    if (same && event.lTime === known) same.push(event);
    else this.#latest.set(event.name, [event]);
    this.#quiet?.cancel();
    this.#quiet = clock.after(coalescing.quiet, () => this.#deliver());
    this.#most ??= clock.after(coalescing.most, () => this.#deliver());
  }

  stop(): void {
    this.#quiet?.cancel();
    this.#most?.cancel();
    this.#quiet = this.#most = undefined;
  }

  #deliver(): void {
    this.stop();
    const events = this.#latest;
    this.#latest = new Map();
    for (const same of events.values()) for (const event of same) this.#options.deliver(event);
  }
}

function isSame(
  one: { readonly name: string; readonly payload: Uint8Array },
  other: { readonly name: string; readonly payload: Uint8Array },
): boolean {
  if (one.name !== other.name || one.payload.length !== other.payload.length) return false;
  return one.payload.every((byte, at) => byte === other.payload[at]);
}
