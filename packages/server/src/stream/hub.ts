import {
  type Applied,
  type ClientFrame,
  type EntryKind,
  type Filter,
  kindOf,
  type Position,
  revisionOf,
  type Topic,
  type Touch,
} from '@portolan/model';
import type { Logger } from 'pino';
import type { Replica } from '../replica.ts';
import { type Change, HistoryLostError, type Store } from '../store/store.ts';
import { Channel } from './channel.ts';
import { type Interest, isStreamed } from './filter.ts';
import { History } from './history.ts';
import { type Sink, Subscriber } from './subscriber.ts';

export type Subscription = Pick<Extract<ClientFrame, { type: 'subscribe' }>, 'topics' | 'filter' | 'position'>;

const BOOKMARK_EVERY = 10_000;
/** How often those behind are looked at, ms; a socket tells nobody when it has drained. */
const CATCH_UP_EVERY = 50;
/** A client that missed more than this is better served by a snapshot. */
const REPLAY_MAX = 20_000;

/**
 * Streams the fleet's changes: what was applied in one turn of the event loop goes out as one frame, encoded once for
 * all subscribers with the same interest.
 */
export class Hub {
  readonly #replica: Replica;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #history = new History();
  readonly #channels = new Map<string, { channel: Channel; subscribers: Set<Subscriber> }>();
  readonly #behind = new Set<Subscriber>();
  #tick: Applied[] = [];
  #timers: NodeJS.Timeout[] = [];

  constructor(replica: Replica, store: Store, logger: Logger) {
    this.#replica = replica;
    this.#store = store;
    this.#logger = logger;
  }

  start(): void {
    this.#history.begin(this.#replica.fleet.position);
    this.#replica.subscribe({
      applied: (group) => this.#applied(group),
      reset: (reason) => {
        this.#tick = [];
        this.#history.begin(this.#replica.fleet.position);
        for (const { channel, subscribers } of this.#channels.values()) {
          channel.forget();
          for (const subscriber of subscribers) {
            subscriber.reset(reason, channel.snapshot(this.#replica.fleet));
            this.#behind.add(subscriber);
          }
        }
      },
    });
    this.#timers = [
      setInterval(() => this.#catchUp(), CATCH_UP_EVERY),
      setInterval(() => this.#bookmark(), BOOKMARK_EVERY / 2),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { subscribers } of this.#channels.values()) for (const each of subscribers) each.close('going-away');
    this.#channels.clear();
    this.#behind.clear();
  }

  get subscribers(): number {
    let count = 0;
    for (const { subscribers } of this.#channels.values()) count += subscribers.size;
    return count;
  }

  /** @returns a function that ends the subscription */
  subscribe(wanted: Subscription, sink: Sink): () => void {
    const { id, channel, subscribers } = this.#channel(wanted.topics, wanted.filter ?? {});
    const subscriber = new Subscriber(channel, sink, wanted.position ?? this.#history.head);
    subscribers.add(subscriber);
    void this.#begin(subscriber, wanted.position);
    return () => {
      subscribers.delete(subscriber);
      this.#behind.delete(subscriber);
      if (subscribers.size === 0) this.#channels.delete(id);
    };
  }

  /** The groups after a position, as far as they are known; waits for nothing. @throws HistoryLostError */
  async after(position: Position, limit: number): Promise<readonly Applied[]> {
    return this.#history.after(position, limit) ?? (await this.#fromStore(position)).slice(0, limit);
  }

  async #begin(subscriber: Subscriber, position: Position | undefined): Promise<void> {
    const { channel } = subscriber;
    if (position === undefined) subscriber.load(channel.snapshot(this.#replica.fleet));
    else if (!this.#history.after(position, 0)) {
      // Asked from before this coordinator's time: the store knows whether that is a place in its history.
      try {
        const missed = await this.#fromStore(position);
        subscriber.resume(missed);
      } catch (error) {
        if (!(error instanceof HistoryLostError))
          this.#logger.warn({ err: error }, 'a subscriber could not be resumed');
        subscriber.reset(
          error instanceof HistoryLostError ? error.reason : 'trimmed',
          channel.snapshot(this.#replica.fleet),
        );
      }
    }
    if (!this.#subscribed(subscriber)) return;
    this.#behind.add(subscriber);
    this.#catchUp();
  }

  /** What somebody wants to hear of, who may call a host by its id or by its name. */
  interest(topics: readonly Topic[], filter: Filter): Interest {
    const host = filter.host === undefined ? undefined : this.#replica.fleet.findHost(filter.host);
    const hosts = host ? [host.id, host.name] : filter.host === undefined ? undefined : [filter.host];
    return { topics: new Set<EntryKind>(topics), filter, hosts };
  }

  #subscribed(subscriber: Subscriber): boolean {
    for (const { subscribers } of this.#channels.values()) if (subscribers.has(subscriber)) return true;
    return false;
  }

  async #fromStore(position: Position): Promise<Applied[]> {
    const head = revisionOf(this.#history.head);
    const groups: Applied[] = [];
    if (revisionOf(position) > head) throw new HistoryLostError('diverged');
    const enough = new AbortController();
    let changes = 0;
    try {
      for await (const commits of this.#store.changes(position, enough.signal)) {
        for (const [position, group] of Map.groupBy(commits, ({ position }) => position)) {
          // What is newer than the replica comes through it.
          if (revisionOf(position) <= head) groups.push(touched(group));
        }
        changes += commits.length;
        if (changes > REPLAY_MAX) throw new HistoryLostError('trimmed');
        if (commits.length > 0 && revisionOf(commits.at(-1)!.position) >= head) break;
      }
    } finally {
      enough.abort();
    }
    return groups;
  }

  #channel(topics: readonly Topic[], filter: Filter) {
    const sorted = [...new Set(topics)].sort();
    const id = JSON.stringify([
      sorted,
      filter.project,
      filter.service,
      filter.host,
      filter.ports?.from,
      filter.ports?.to,
    ]);
    let found = this.#channels.get(id);
    if (!found) {
      const interest = this.interest(sorted, filter);
      this.#channels.set(id, (found = { channel: new Channel(interest), subscribers: new Set() }));
    }
    return { id, ...found };
  }

  #applied(group: Applied): void {
    const streamed = { ...group, touches: group.touches.filter(({ kind }) => isStreamed(kind)) };
    this.#history.push(streamed);
    if (this.#tick.length === 0) setImmediate(() => this.#flush());
    this.#tick.push(streamed);
  }

  #flush(): void {
    const groups = this.#tick;
    this.#tick = [];
    const head = groups.at(-1)?.position;
    if (head === undefined) return;
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
    if (this.#behind.size === 0) return;
    // Whoever is brought to the head now must not be sent the waiting tick again.
    this.#flush();
    const replay = (after: Position, limit: number) => this.#history.after(after, limit);
    for (const subscriber of this.#behind) {
      subscriber.catchUp(replay, () => subscriber.channel.snapshot(this.#replica.fleet), this.#history.head);
      if (subscriber.live) this.#behind.delete(subscriber);
    }
  }

  #bookmark(): void {
    for (const { subscribers } of this.#channels.values()) {
      for (const subscriber of subscribers) subscriber.bookmark(BOOKMARK_EVERY);
    }
  }
}

/** A group as the store's log has it. What an entry was before is not in the log. */
function touched(commits: readonly Change[]): Applied {
  const { position, epoch } = commits.at(-1)!;
  const touches: Touch[] = [];
  for (const { puts, deletes, revision, epoch } of commits) {
    for (const { key, value } of puts) {
      const kind = kindOf(key);
      touches.push({
        key,
        kind,
        before: undefined,
        after: { key, kind, value: JSON.parse(value), version: `${epoch}.${revision}` },
      });
    }
    for (const key of deletes) touches.push({ key, kind: kindOf(key), before: undefined, after: undefined });
  }
  return { position, epoch, touches };
}
