import type { Applied, EntryKind, Fleet, Held, Position, ServerFrame, StreamEvent } from '@portolan/model';
import { eventOf, type Interest, matches, putEvent } from './filter.ts';

/** Entries of one snapshot frame. */
const CHUNK = 500;
/** A snapshot serves all who ask within this time, ms, so that a herd of subscribers costs one. */
const SNAPSHOT_KEPT = 2_000;

/** A frame as it goes out: encoded once, for everybody who wants the same. */
export interface Frame {
  readonly text: string;
  /** Where the subscriber is after it, where the frame says so. */
  readonly position?: Position;
}

export interface Snapshot {
  readonly position: Position;
  readonly frames: number;
  /** The frames are encoded when they are wanted, and kept. */
  frame(index: number): Frame;
}

/** Everything that subscribers with one interest share: the encoding of each tick, and of the snapshot. */
export class Channel {
  readonly interest: Interest;
  #snapshot: { readonly takenAt: number; readonly epoch: number; readonly snapshot: Snapshot } | undefined;

  constructor(interest: Interest) {
    this.interest = interest;
  }

  /** The groups with the events that concern this interest; those without any are left out. */
  commits(groups: readonly Applied[]): { position: Position; events: StreamEvent[] }[] {
    const commits: { position: Position; events: StreamEvent[] }[] = [];
    for (const { position, touches } of groups) {
      const events = touches.flatMap((touch) => eventOf(this.interest, touch) ?? []);
      if (events.length > 0) commits.push({ position, events });
    }
    return commits;
  }

  /** @returns `undefined` when nothing in the groups concerns this interest */
  changes(groups: readonly Applied[]): Frame | undefined {
    const commits = this.commits(groups);
    if (commits.length === 0) return undefined;
    return frame({ type: 'changes', commits }, commits.at(-1)!.position);
  }

  snapshot(fleet: Fleet): Snapshot {
    const kept = this.#snapshot;
    if (kept && kept.epoch === fleet.epoch && Date.now() - kept.takenAt < SNAPSHOT_KEPT) return kept.snapshot;
    const snapshot = this.#take(fleet);
    this.#snapshot = { takenAt: Date.now(), epoch: fleet.epoch, snapshot };
    return snapshot;
  }

  /** A kept snapshot may lie before a reset of the replica; then nothing leads on from it. */
  forget(): void {
    this.#snapshot = undefined;
  }

  #take(fleet: Fleet): Snapshot {
    // Entries never change in place, so holding on to them is a snapshot at this position, however long sending takes.
    const held: Held[] = [];
    for (const topic of this.interest.topics) {
      for (const each of fleet.all(topic as EntryKind)) if (matches(this.interest, each)) held.push(each);
    }
    const { position } = fleet;
    const encoded: Frame[] = [];
    return {
      position,
      frames: Math.max(1, Math.ceil(held.length / CHUNK)),
      frame(index) {
        const entries = held.slice(index * CHUNK, (index + 1) * CHUNK).map(putEvent);
        return (encoded[index] ??= frame({ type: 'snapshot', entries, position }));
      },
    };
  }
}

export function frame(message: ServerFrame, position?: Position): Frame {
  return { text: JSON.stringify(message), ...(position !== undefined && { position }) };
}
