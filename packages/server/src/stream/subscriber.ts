import { ORIGIN, type Position, type ResetReason } from '@portolan/model';
import { type Channel, type Frame, frame, framed } from './channel.ts';
import type { Group } from './history.ts';
import type { Picture } from './picture.ts';
import type { Snapshot } from './snapshot.ts';

/** Where frames go: a WebSocket, or a response that streams events. */
export interface Sink {
  send(frame: Frame): void;
  /** Bytes handed over and not yet taken by the network. */
  backlog(): number;
  close(reason: 'slow' | 'going-away' | 'unauthorized'): void;
}

/** A subscriber further behind than this is sent nothing more until it took what it has. */
const BACKLOG_MAX = 1024 * 1024;
const BACKLOG_LOW = 256 * 1024;
/** Resets for slowness within a minute until it is told to come back later. */
const SLOW_RESETS_MAX = 3;
const REPLAY_GROUPS = 500;

/** Gives groups of commits after a position: from memory, `undefined` when they are not there. */
export type Replay = (after: Position, limit: number) => readonly Group[] | undefined;

/**
 * One subscriber. It holds a position, never a queue, so a slow one costs no memory beyond its socket's buffer.
 *
 *     joining ── load, resume, reset ──▶ catching-up ◀── catchUp, tick ──▶ live
 *        └──────────────────────────────────┴──────── end, close ───────────┴──▶ ended
 *
 * - joining: where it is in the history is not known yet. It is sent nothing, and nothing can be taken from it: when
 *   the history is another one, it joins that.
 * - catching-up: it is sent a snapshot or what it missed, no faster than it reads.
 * - live: it gets the tick's frame that everybody of its channel gets.
 * - ended: it is sent nothing, whatever is still under way for it.
 */
export class Subscriber {
  readonly channel: Channel;
  readonly #sink: Sink;
  /** Everything up to here was sent, or did not concern it. */
  #position: Position = ORIGIN;
  /** What it is being sent; `wanted` until it can take any of it. */
  #snapshot: Snapshot | 'wanted' | undefined;
  #state: 'joining' | 'catching-up' | 'live' = 'joining';
  readonly #ended = new AbortController();
  #synced = false;
  #slowResets: number[] = [];
  /** When the last frame went out, ms of the monotonic clock. */
  #quietSince = performance.now();

  constructor(channel: Channel, sink: Sink) {
    this.channel = channel;
    this.#sink = sink;
  }

  get joining(): boolean {
    return this.#state === 'joining';
  }

  get live(): boolean {
    return this.#state === 'live';
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** What it still reads of. */
  get picture(): Picture | undefined {
    return this.#snapshot instanceof Object ? this.#snapshot.picture : undefined;
  }

  /** Begins with a snapshot. */
  load(): void {
    this.#snapshot = 'wanted';
    this.#state = 'catching-up';
    this.#synced = false;
  }

  /**
   * Goes on from a position that it has.
   *
   * @param way what it missed before the history in memory begins
   * @param later what follows in memory
   * @throws HistoryLostError when what it missed cannot be told any more; then nothing was sent
   */
  resume(position: Position, way: readonly Group[], later: () => readonly Group[]): void {
    const changes = this.channel.changes(way, later);
    if (changes) this.#send(changes);
    this.#position = way.at(-1)?.position ?? position;
    this.#state = 'catching-up';
  }

  reset(reason: ResetReason): void {
    this.#send(frame({ type: 'reset', reason }));
    this.load();
  }

  /** What the tick brought, for a live subscriber; `undefined`: nothing that concerns it. */
  tick(tick: Frame | undefined, head: Position): void {
    if (tick && this.#sink.backlog() > BACKLOG_MAX) {
      this.#state = 'catching-up';
      return;
    }
    if (tick) this.#send(tick);
    this.#position = head;
  }

  /** Sends as much of what is missing as the network takes, and at least one step until it is `isOver`. */
  catchUp(replay: Replay, snapshot: (channel: Channel) => Snapshot, head: Position, isOver: () => boolean): void {
    while (this.#state === 'catching-up' && !this.ended.aborted && this.#sink.backlog() < BACKLOG_LOW) {
      if (this.#snapshot) this.#load(snapshot);
      else this.#follow(replay, head);
      if (isOver()) return;
    }
  }

  #load(take: (channel: Channel) => Snapshot): void {
    if (this.picture?.dropped) {
      this.#beginAnew();
      return;
    }
    if (!(this.#snapshot instanceof Object)) this.#snapshot = take(this.channel);
    const snapshot = this.#snapshot;
    const next = snapshot.next();
    if (next) this.#send(next);
    if (!snapshot.done) return;
    this.#position = snapshot.picture.position;
    this.#snapshot = undefined;
    this.#sync();
  }

  #follow(replay: Replay, head: Position): void {
    const groups = replay(this.#position, REPLAY_GROUPS);
    if (!groups) {
      this.#beginAnew();
      return;
    }
    const later = () => replay(groups.at(-1)?.position ?? head, Number.POSITIVE_INFINITY) ?? [];
    const { commits, position } = this.channel.some(groups, later);
    const missed = framed(commits);
    if (missed) this.#send(missed);
    if (position !== undefined) this.#position = position;
    if (groups.length === 0 || this.#position === head) {
      this.#sync();
      this.#state = 'live';
    }
  }

  /** It was so slow that what it missed, or was about to read, is not there any more. */
  #beginAnew(): void {
    if (this.#tooOftenSlow()) this.close('slow');
    else this.reset('slow');
  }

  /** Moves a quiet subscriber on, and shows that the line is alive. */
  bookmark(every: number): void {
    if (this.#state !== 'live' || performance.now() - this.#quietSince < every) return;
    this.#send(frame({ type: 'bookmark', position: this.#position }, this.#position));
  }

  /** What is no part of the history, in whatever state it is. */
  say(said: Frame): void {
    this.#send(said);
  }

  end(): void {
    this.#ended.abort();
  }

  close(reason: 'slow' | 'going-away' | 'unauthorized'): void {
    this.end();
    this.#sink.close(reason);
  }

  #sync(): void {
    if (this.#synced) return;
    this.#synced = true;
    this.#send(frame({ type: 'synced', position: this.#position }, this.#position));
  }

  #tooOftenSlow(): boolean {
    const now = performance.now();
    this.#slowResets = [...this.#slowResets.filter((at) => now - at < 60_000), now];
    return this.#slowResets.length >= SLOW_RESETS_MAX;
  }

  #send(frame: Frame): void {
    if (this.ended.aborted) return;
    this.#quietSince = performance.now();
    this.#sink.send(frame);
  }
}
