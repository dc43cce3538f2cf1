import type { EntryKind, Fleet, Held, Position, ServerFrame, StreamEvent } from '@portolan/model';
import { deleteEvent, eventOf, type Interest, matches, putEvent } from './filter.ts';
import type { Group } from './history.ts';
import type { HostDirectory, HostNames } from './host-names.ts';

/** A frame as it goes out: encoded once, for everybody who wants the same. */
export interface Frame {
  readonly text: string;
  /** Where the subscriber is after it, where the frame says so. */
  readonly position?: Position;
}

/** The events of a group of commits that concern somebody. */
export interface Commit {
  readonly position: Position;
  readonly events: StreamEvent[];
}

/** Everything that subscribers with one interest share: the encoding of each tick. */
export class Channel {
  readonly interest: Interest;
  readonly #fleet: Fleet;
  readonly #directory: HostDirectory;

  constructor(interest: Interest, fleet: Fleet, directory: HostDirectory) {
    this.interest = interest;
    this.#fleet = fleet;
    this.#directory = directory;
  }

  /**
   * The groups with the events that concern this interest; those without any are left out.
   *
   * @param later the groups that follow on these, up to where the fleet is now
   * @throws HistoryLostError when what the filter's host was called then is no longer known
   */
  commits(groups: readonly Group[], later: () => readonly Group[] = () => []): Commit[] {
    const { filter } = this.interest;
    const toNow = filter.host === undefined ? groups : [...groups, ...later()];
    const names =
      filter.host === undefined ? undefined : this.#directory.namesAround(filter.host, toNow, groups.length);
    const commits: Commit[] = [];
    for (const [i, group] of groups.entries()) {
      const [before, after] = [names?.[i], names?.[i + 1]];
      const events =
        before === after ? this.#touched(group, after) : this.#renamed(before, group, after, toNow.slice(i + 1));
      if (events.length > 0) commits.push({ position: group.position, events });
    }
    return commits;
  }

  /** @returns `undefined` when nothing in the groups concerns this interest; else as `commits` */
  changes(groups: readonly Group[], later?: () => readonly Group[]): Frame | undefined {
    const commits = this.commits(groups, later);
    if (commits.length === 0) return undefined;
    return frame({ type: 'changes', commits }, commits.at(-1)!.position);
  }

  #touched({ touches, logged }: Group, names: HostNames | undefined): StreamEvent[] {
    return touches.flatMap((touch) => eventOf(this.interest, names, touch, logged) ?? []);
  }

  /** With its host's names the filter's meaning changed, so every entry may have come to match, or match no longer. */
  #renamed(
    before: HostNames | undefined,
    { touches }: Group,
    after: HostNames | undefined,
    later: readonly Group[],
  ): StreamEvent[] {
    const was = firstBefore([{ touches }]);
    const events: StreamEvent[] = [];
    const had = (held: Held | undefined) => held && matches(this.interest, before, held);
    const stays = new Set<string>();
    for (const held of this.#entries(later)) {
      stays.add(held.key);
      const earlier = was.has(held.key) ? was.get(held.key) : held;
      if (matches(this.interest, after, held)) {
        if (earlier !== held || !had(held)) events.push(putEvent(held));
      } else if (had(earlier)) events.push(deleteEvent(earlier!));
    }
    for (const held of was.values()) {
      if (held && !stays.has(held.key) && this.interest.topics.has(held.kind) && had(held))
        events.push(deleteEvent(held));
    }
    return events;
  }

  /** The entries of these topics as they were before some groups that were the last. */
  *#entries(later: readonly Group[]): Generator<Held> {
    const was = firstBefore(later);
    for (const topic of this.interest.topics) {
      for (const held of this.#fleet.all(topic as EntryKind)) if (!was.has(held.key)) yield held;
    }
    for (const held of was.values()) if (held && this.interest.topics.has(held.kind)) yield held;
  }
}

/** What the touched entries were before the groups. */
function firstBefore(groups: readonly Pick<Group, 'touches'>[]): Map<string, Held | undefined> {
  const was = new Map<string, Held | undefined>();
  for (const { touches } of groups) {
    for (const { key, before } of touches) if (!was.has(key)) was.set(key, before);
  }
  return was;
}

export function frame(message: ServerFrame, position?: Position): Frame {
  return { text: JSON.stringify(message), ...(position !== undefined && { position }) };
}
