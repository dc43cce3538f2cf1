import type { Applied, Position, ResetReason } from '@portolan/model';
import { type Channel, type Frame, frame, type Snapshot } from './channel.ts';

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
export type Replay = (after: Position, limit: number) => readonly Applied[] | undefined;

/**
 * One subscriber: either live, and then it gets the tick's frame that everybody of its channel gets; or catching up,
 * and then it is sent a snapshot or what it missed, no faster than it reads. It holds a position, never a queue, so a
 * slow one costs no memory beyond its socket's buffer.
 */
export class Subscriber {
  readonly channel: Channel;
  readonly #sink: Sink;
  /** Everything up to here was sent, or did not concern it. */
  #position: Position;
  #snapshot: { readonly snapshot: Snapshot; next: number } | undefined;
  #state: 'catching-up' | 'live' = 'catching-up';
  #synced = false;
  #slowResets: number[] = [];
  /** When the last frame went out, ms since 1970. */
  #quietSince = Date.now();

  constructor(channel: Channel, sink: Sink, position: Position) {
    this.channel = channel;
    this.#sink = sink;
    this.#position = position;
  }

  get live(): boolean {
    return this.#state === 'live';
  }

  /** Begins with a snapshot. */
  load(snapshot: Snapshot): void {
    this.#snapshot = { snapshot, next: 0 };
    this.#position = snapshot.position;
    this.#state = 'catching-up';
    this.#synced = false;
  }

  /** Sends what it missed before this coordinator's time. */
  resume(missed: readonly Applied[]): void {
    const changes = this.channel.changes(missed);
    if (changes) this.#send(changes);
    this.#position = missed.at(-1)?.position ?? this.#position;
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
          this.#sink.close('slow');
          return;
        }
        this.reset('slow', snapshot());
        continue;
      }
      if (groups.length > 0) {
        const missed = this.channel.changes(groups);
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
    if (this.#state !== 'live' || Date.now() - this.#quietSince < every) return;
    this.#send(frame({ type: 'bookmark', position: this.#position }, this.#position));
  }

  close(reason: 'slow' | 'going-away' | 'unauthorized'): void {
    this.#sink.close(reason);
  }

  #sync(): void {
    if (this.#synced) return;
    this.#synced = true;
    this.#send(frame({ type: 'synced', position: this.#position }, this.#position));
  }

  #tooOftenSlow(): boolean {
    const now = Date.now();
    this.#slowResets = [...this.#slowResets.filter((at) => now - at < 60_000), now];
    return this.#slowResets.length >= SLOW_RESETS_MAX;
  }

  #send(frame: Frame): void {
    this.#quietSince = Date.now();
    this.#sink.send(frame);
  }
}
