import {
  type Applied,
  type ClientFrame,
  type EntryKind,
  type Filter,
  PortolanError,
  type Position,
  type Readiness,
  type Topic,
} from '@portolan/model';
import type { Logger } from 'pino';
import type { Replica } from '../replica.ts';
import { HistoryLostError, type Store } from '../store/store.ts';
import { Channel, type Commit, frame } from './channel.ts';
import { type Interest, isStreamed } from './filter.ts';
import { type Group, History } from './history.ts';
import { HostDirectory } from './host-names.ts';
import { Past } from './past.ts';
import { type Picture, Pictures } from './picture.ts';
import { LastFrames, Snapshot } from './snapshot.ts';
import { type Sink, Subscriber } from './subscriber.ts';

export type Subscription = Pick<Extract<ClientFrame, { type: 'subscribe' }>, 'topics' | 'filter' | 'position'> & {
  /** Whether it is told how the coordinator itself does: clients of earlier releases end at a frame that they do not know. */
  readonly readiness?: boolean;
};

/** Tells how the coordinator does. */
interface Told {
  readonly now: Readiness;
  subscribe(listener: (readiness: Readiness) => void): () => void;
}

/** What changed after a position, as far as one answer holds it. */
export interface Page {
  readonly commits: Commit[];
  /** The next page begins after this one. */
  readonly position: Position;
  readonly more: boolean;
}

const BOOKMARK_EVERY = 10_000;
/** How often those behind are looked at, ms; a socket tells nobody when it has drained. */
const CATCH_UP_EVERY = 50;
/** How long those behind may keep everybody else waiting, ms. */
const TURN = 10;

/**
 * Streams the fleet's changes: what was applied in one turn of the event loop goes out as one frame, encoded once for
 * all subscribers with the same interest.
 */
export class Hub {
  readonly #replica: Pick<Replica, 'fleet' | 'subscribe' | 'reached'>;
  readonly #logger: Logger;
  readonly #history = new History();
  readonly #past: Past;
  readonly #directory: HostDirectory;
  readonly #channels = new Map<string, { channel: Channel; subscribers: Set<Subscriber> }>();
  /** Whoever waits longest first. */
  readonly #behind = new Set<Subscriber>();
  readonly #readiness: Told;
  /** Those who are told how the coordinator does. */
  readonly #told = new Set<Subscriber>();
  readonly #pictures: Pictures;
  readonly #lastFrames = new LastFrames();
  #tick: Group[] = [];
  #timers: NodeJS.Timeout[] = [];
  #soon: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(
    replica: Pick<Replica, 'fleet' | 'subscribe' | 'reached'>,
    store: Pick<Store, 'changes'>,
    readiness: Told,
    logger: Logger,
  ) {
    this.#replica = replica;
    this.#readiness = readiness;
    this.#logger = logger;
    this.#directory = new HostDirectory(replica.fleet);
    this.#past = new Past(replica, store, this.#history);
    this.#pictures = new Pictures(replica.fleet, (position) => this.#history.has(position));
  }

  start(): void {
    this.#turn();
    this.#replica.subscribe({
      applied: (group) => this.#applied(group),
      reset: (reason) => {
        this.#tick = [];
        this.#turn();
        for (const { subscribers } of this.#channels.values()) {
          for (const subscriber of subscribers) {
            if (subscriber.joining) continue;
            subscriber.reset(reason);
            this.#behind.add(subscriber);
          }
        }
      },
    });
    this.#readiness.subscribe((readiness) => {
      const said = frame({ type: 'readiness', readiness });
      for (const subscriber of this.#told) subscriber.say(said);
    });
    this.#timers = [
      setInterval(() => this.#catchUp(), CATCH_UP_EVERY),
      setInterval(() => this.#bookmark(), BOOKMARK_EVERY / 2),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    clearImmediate(this.#soon);
    for (const { subscribers } of this.#channels.values()) for (const each of subscribers) each.close('going-away');
  }

  get subscribers(): number {
    let count = 0;
    for (const { subscribers } of this.#channels.values()) count += subscribers.size;
    return count;
  }

  /** @returns a function that ends the subscription: from then on its sink is sent nothing */
  subscribe(wanted: Subscription, sink: Sink): () => void {
    const { id, channel, subscribers } = this.#channel(wanted.topics, wanted.filter ?? {});
    const subscriber = new Subscriber(channel, sink);
    subscribers.add(subscriber);
    if (wanted.readiness) {
      this.#told.add(subscriber);
      subscriber.say(frame({ type: 'readiness', readiness: this.#readiness.now }));
    }
    const leave = () => {
      subscribers.delete(subscriber);
      this.#behind.delete(subscriber);
      this.#told.delete(subscriber);
      if (subscribers.size === 0) this.#channels.delete(id);
    };
    subscriber.ended.addEventListener('abort', leave, { once: true });
    if (this.#stopped) subscriber.close('going-away');
    else void this.#begin(subscriber, wanted.position);
    return () => subscriber.end();
  }

  /**
   * The first groups after a position, at most `limit` before the filter.
   *
   * @returns `undefined` when `signal` aborted
   * @throws HistoryLostError, PortolanError as `Past.join` does
   */
  page(wanted: Subscription & { position: Position }, limit: number, signal: AbortSignal): Promise<Page | undefined> {
    const channel = this.#newChannel(wanted.topics, wanted.filter ?? {});
    return this.#past.join(wanted.position, signal, (way, later) => {
      const groups = [...way, ...later()];
      const { commits, position = wanted.position } = channel.some(groups.slice(0, limit), () => groups.slice(limit));
      return { commits, position, more: position !== (groups.at(-1)?.position ?? position) };
    });
  }

  #turn(): void {
    this.#history.begin(this.#replica.fleet.position);
    this.#directory.begin();
    this.#past.turn();
    this.#pictures.forget();
  }

  async #begin(subscriber: Subscriber, position: Position | undefined): Promise<void> {
    const { ended } = subscriber;
    try {
      if (position === undefined) subscriber.load();
      else await this.#past.join(position, ended, (way, later) => subscriber.resume(position, way, later));
    } catch (error) {
      if (ended.aborted) return;
      if (error instanceof HistoryLostError) subscriber.reset(error.reason);
      else {
        // Whoever comes again with its position may find a coordinator that can tell; a snapshot of a copy that may
        // be behind would take it back.
        const level = error instanceof PortolanError ? 'debug' : 'warn';
        this.#logger[level]({ err: error }, 'a subscriber could not be resumed');
        subscriber.close('going-away');
      }
    }
    if (ended.aborted) return;
    this.#behind.add(subscriber);
    this.#catchUp();
  }

  #channel(topics: readonly Topic[], filter: Filter) {
    const sorted = [...new Set(topics)].sort();
    const id = nameOf({ topics: new Set(sorted), filter });
    let found = this.#channels.get(id);
    if (!found) {
      this.#channels.set(id, (found = { channel: this.#newChannel(sorted, filter), subscribers: new Set() }));
    }
    return { id, ...found };
  }

  #newChannel(topics: readonly Topic[], filter: Filter): Channel {
    return new Channel({ topics: new Set<EntryKind>(topics), filter }, this.#directory);
  }

  #applied(group: Applied): void {
    this.#directory.applied(group.touches);
    const streamed = { ...group, touches: group.touches.filter(({ kind }) => isStreamed(kind)) };
    this.#history.push(streamed);
    if (this.#tick.length === 0) setImmediate(() => this.#flush());
    this.#tick.push(streamed);
  }

  #flush(): void {
    const groups = this.#tick;
    const head = groups.at(-1)?.position;
    if (head === undefined || !this.#past.settled) return;
    this.#tick = [];
    for (const { channel, subscribers } of this.#channels.values()) {
      const frame = channel.changes(groups);
      for (const subscriber of subscribers) {
        if (!subscriber.live) continue;
        subscriber.tick(frame, head);
        if (!subscriber.live) this.#behind.add(subscriber);
      }
    }
  }

  #catchUp(): void {
    if (this.#behind.size === 0 || !this.#past.settled) return;
    // Whoever is brought to the head now must not be sent the waiting tick again.
    this.#flush();
    const replay = (after: Position, limit: number) => this.#history.after(after, limit);
    const end = performance.now() + TURN;
    const isOver = () => performance.now() > end;
    for (const subscriber of [...this.#behind]) {
      this.#behind.delete(subscriber);
      subscriber.catchUp(replay, (channel) => this.#snapshot(channel), this.#history.head, isOver);
      if (!subscriber.live && !subscriber.ended.aborted) this.#behind.add(subscriber);
      if (!isOver()) continue;
      this.#catchUpSoon();
      return;
    }
  }

  #catchUpSoon(): void {
    if (this.#soon) return;
    this.#soon = setImmediate(() => {
      this.#soon = undefined;
      this.#catchUp();
    });
  }

  #snapshot(channel: Channel): Snapshot {
    const { interest } = channel;
    return new Snapshot(this.#pictures.now(this.#read), interest, nameOf(interest), this.#lastFrames);
  }

  /** The pictures that are being read. */
  readonly #read = (): Picture[] =>
    Array.from(this.#behind, ({ picture }) => picture).filter((each) => each !== undefined);

  #bookmark(): void {
    this.#pictures.tidy(this.#read);
    if (this.#behind.size === 0) this.#lastFrames.clear();
    for (const { subscribers } of this.#channels.values()) {
      for (const subscriber of subscribers) subscriber.bookmark(BOOKMARK_EVERY);
    }
  }
}

/** The same for the same interest, where its topics are in order. */
function nameOf({ topics, filter: { project, service, host, ports } }: Interest): string {
  return JSON.stringify([[...topics], project, service, host, ports?.from, ports?.to]);
}
