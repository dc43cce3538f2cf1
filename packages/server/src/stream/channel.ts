import type { Held, Position, ServerFrame, StreamEvent } from '@portolan/model';
import { Concerned } from './concerned.ts';
import { deleteEvent, eventOf, type Interest, matches, putEvent } from './filter.ts';
import type { Group } from './history.ts';
import { type HostDirectory, type HostNames, renamedIn } from './host-names.ts';

/** Events that are enough for one page or frame. A commit is not parted, and one that renames a host may have many. */
const ENOUGH = 10_000;

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
  readonly #directory: HostDirectory;

  constructor(interest: Interest, directory: HostDirectory) {
    this.interest = interest;
    this.#directory = directory;
  }

  /** @returns `undefined` when nothing in the groups concerns this interest */
  changes(groups: readonly Group[], later?: () => readonly Group[]): Frame | undefined {
    return framed([...this.#commits(groups, later)].filter(({ events }) => events.length > 0));
  }

  /**
   * The first of the groups, as many as are enough for a while, with the events that concern this interest; those
   * without any are left out.
   *
   * @param later the groups that follow on these, up to where the fleet is now
   * @returns with the position that this comes to; `undefined` when there is no group
   * @throws HistoryLostError when what the filter's host was called then is no longer known
   */
  some(groups: readonly Group[], later: () => readonly Group[]): { commits: Commit[]; position: Position | undefined } {
    const commits: Commit[] = [];
    let count = 0;
    let position: Position | undefined;
    for (const commit of this.#commits(groups, later)) {
      ({ position } = commit);
      if (commit.events.length > 0) commits.push(commit);
      count += commit.events.length;
      if (count >= ENOUGH) break;
    }
    return { commits, position };
  }

  *#commits(groups: readonly Group[], later: () => readonly Group[] = () => []): Generator<Commit> {
    const { host } = this.interest.filter;
    if (host === undefined) {
      for (const group of groups) yield { position: group.position, events: this.#touched(group, undefined) };
      return;
    }
    const toNow = [...groups, ...later()];
    const names = this.#directory.namesAround(host, toNow, groups.length);
    const renamed = renamedIn(names);
    const concerned =
      renamed.size === 0 ? undefined : new Concerned(this.interest, renamed, this.#directory.entriesOf(renamed), toNow);
    for (const [i, group] of groups.entries()) {
      const [before, after] = [names[i]!, names[i + 1]!];
      concerned?.apply(group);
      const isRenamed = concerned && before !== after;
      const events = isRenamed ? this.#renamed(before, group, after, concerned) : this.#touched(group, after);
      yield { position: group.position, events };
    }
  }

  #touched({ touches, logged }: Group, names: HostNames | undefined): StreamEvent[] {
    return touches.flatMap((touch) => eventOf(this.interest, names, touch, logged) ?? []);
  }

  /** With its host's names the filter's meaning changed, so what is of these hosts may have come to match, or match no longer. */
  #renamed(before: HostNames, { touches }: Group, after: HostNames, concerned: Concerned): StreamEvent[] {
    const changes = new Map<string, { readonly was: Held | undefined; is: Held | undefined }>();
    for (const touch of touches) {
      if (!this.interest.topics.has(touch.kind)) continue;
      const change = changes.get(touch.key);
      if (change) change.is = touch.after;
      else changes.set(touch.key, { was: touch.before, is: touch.after });
    }
    for (const held of concerned.entries()) if (!changes.has(held.key)) changes.set(held.key, { was: held, is: held });
    const events: StreamEvent[] = [];
    for (const { was, is } of changes.values()) {
      const had = was !== undefined && matches(this.interest, before, was);
      if (is && matches(this.interest, after, is)) {
        if (!had || was !== is) events.push(putEvent(is));
      } else if (had) events.push(deleteEvent(was));
    }
    return events;
  }
}

/** @returns `undefined` for none */
export function framed(commits: Commit[]): Frame | undefined {
  return commits.length === 0 ? undefined : frame({ type: 'changes', commits }, commits.at(-1)!.position);
}

export function frame(message: ServerFrame, position?: Position): Frame {
  return { text: JSON.stringify(message), ...(position !== undefined && { position }) };
}
