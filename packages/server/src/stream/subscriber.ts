import { ORIGIN, type Position, type ResetReason } from '@portolan/model';
import { type Channel, type Frame, frame, type Snapshot } from './channel.ts';
import type { Group } from './history.ts';

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
  #snapshot: { readonly snapshot: Snapshot; next: number } | undefined;
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

  /** Begins with a snapshot. */
  load(snapshot: Snapshot): void {
    this.#snapshot = { snapshot, next: 0 };
    this.#position = snapshot.position;
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

  reset(reason: ResetReason, snapshot: Snapshot): void {
    this.#send(frame({ type: 'reset', reason }));
    this.load(snapshot);
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

  /** Sends as much of what is missing as the network takes. */
  catchUp(replay: Replay, snapshot: () => Snapshot, head: Position): void {
    while (this.#state === 'catching-up' && this.#sink.backlog() < BACKLOG_LOW) {
      if (this.#snapshot) {
        const { snapshot, next } = this.#snapshot;
        this.#send(snapshot.frame(next));
        this.#snapshot.next++;
        if (this.#snapshot.next === snapshot.frames) {
          this.#snapshot = undefined;
          this.#sync();
        }
        continue;
      }
      const groups = replay(this.#position, REPLAY_GROUPS);
      if (!groups) {
        if (this.#tooOftenSlow()) {
          this.close('slow');
          return;
        }
        this.reset('slow', snapshot());
        continue;
      }
      if (groups.length > 0) {
        const missed = this.channel.changes(
          groups,
          () => replay(groups.at(-1)!.position, Number.POSITIVE_INFINITY) ?? [],
        );
        if (missed) this.#send(missed);
        this.#position = groups.at(-1)!.position;
      }
      if (groups.length === 0 || this.#position === head) {
        this.#sync();
        this.#state = 'live';
      }
    }
  }

  /** Moves a quiet subscriber on, and shows that the line is alive. */
  bookmark(every: number): void {
    if (this.#state !== 'live' || performance.now() - this.#quietSince < every) return;
    this.#send(frame({ type: 'bookmark', position: this.#position }, this.#position));
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
