import { kindOf, PortolanError, type Position, revisionOf, type Touch } from '@portolan/model';
import type { Replica } from '../replica.ts';
import { type Change, HistoryLostError, type Store } from '../store/store.ts';
import { isStreamed } from './filter.ts';
import type { Group, History } from './history.ts';

/** A client that missed more than this is better served by a snapshot. */
const REPLAY_MAX = 20_000;
/** How long the store may bring nothing before a reader is told to ask elsewhere, ms; as long as one waits for the copy. */
const SILENCE_MAX = 5_000;

type Use<T> = (way: readonly Group[], later: () => readonly Group[]) => T;

/**
 * Finds the way from a position that a reader has to one that the history in memory has: the position may lie before
 * this coordinator's time, ahead of its copy of the fleet, or nowhere at all.
 *
 * A position stands for all that led to it, so a way in the store's log that ends at a position in memory leads there
 * in whatever history has that position. Nothing else needs to be known of a way, however long finding it took.
 */
export class Past {
  readonly #copy: Pick<Replica, 'fleet' | 'reached'>;
  readonly #store: Pick<Store, 'changes'>;
  readonly #history: History;
  #turned = new AbortController();

  constructor(copy: Pick<Replica, 'fleet' | 'reached'>, store: Pick<Store, 'changes'>, history: History) {
    this.#copy = copy;
    this.#store = store;
    this.#history = history;
  }

  /** Memory follows another history from now on: ways that are being read may lead nowhere, and are sought anew. */
  turn(): void {
    this.#turned.abort();
    this.#turned = new AbortController();
  }

  /**
   * Calls `use` with the groups that lead from the position to one in memory, none when it is there itself, and with
   * what gives those that follow, up to the copy. That holds while `use` runs and no longer: what an awaited promise
   * brings may be of a history that is lost by then.
   *
   * @returns what `use` did; `undefined` when `signal` aborted
   * @throws HistoryLostError when the position is not, or no longer, in the store's history, or too far back
   * @throws PortolanError `not-ready` when the copy or the store does not answer within 5 s, so that nobody can tell
   */
  async join<T>(position: Position, signal: AbortSignal, use: Use<T>): Promise<T | undefined> {
    let way: readonly Group[] = [];
    while (!signal.aborted) {
      const end = way.at(-1)?.position ?? position;
      if (this.#inMemory(end)) return use(way, () => this.#history.after(end, Number.POSITIVE_INFINITY) ?? []);
      way = await this.#way(position, AbortSignal.any([signal, this.#turned.signal]));
    }
    return undefined;
  }

  /** Whether memory leads to the copy: it does not after the fleet was loaded anew, until that is said. */
  get settled(): boolean {
    return this.#copy.fleet.position === this.#history.head;
  }

  #inMemory(position: Position): boolean {
    return this.settled && this.#history.has(position);
  }

  /** @returns nothing when it is time to look again */
  async #way(position: Position, until: AbortSignal): Promise<Group[]> {
    const enough = new AbortController();
    const read = this.#read(position, AbortSignal.any([until, enough.signal]));
    try {
      if (revisionOf(position) <= revisionOf(this.#copy.fleet.position)) return await read;
      // That the copy got as far proves nothing, for it may have come another way. The store knows at once of a
      // position that was lost, but of one at its end it only tells when more follows.
      return await Promise.race([read, this.#copy.reached(position).then(() => [])]);
    } finally {
      enough.abort();
    }
  }

  async #read(position: Position, until: AbortSignal): Promise<Group[]> {
    const silent = new AbortController();
    const silence = setTimeout(() => silent.abort(), SILENCE_MAX);
    const groups: Group[] = [];
    let changes = 0;
    try {
      for await (const commits of this.#store.changes(position, AbortSignal.any([until, silent.signal]))) {
        silence.refresh();
        for (const [at, group] of Map.groupBy(commits, (commit) => commit.position)) {
          groups.push(logged(group));
          if (this.#history.has(at)) return groups;
        }
        changes += commits.length;
        if (changes > REPLAY_MAX) break;
      }
    } catch (error) {
      // Lost amid the way, which says nothing of where it began.
      if (error instanceof HistoryLostError && groups.length > 0) return [];
      throw error;
    } finally {
      clearTimeout(silence);
    }
    if (changes > REPLAY_MAX) throw new HistoryLostError('trimmed');
    if (until.aborted) return [];
    throw new PortolanError(
      'not-ready',
      `this coordinator cannot tell now whether the position ${position} is in the history; try again, or ask another coordinator`,
    );
  }
}

/** A group as the store's log has it. */
function logged(commits: readonly Change[]): Group {
  const { position, epoch } = commits.at(-1)!;
  const touches: Touch[] = [];
  for (const { puts, deletes, revision, epoch } of commits) {
    for (const { key, value } of puts) {
      const kind = kindOf(key);
      if (!isStreamed(kind)) continue;
      touches.push({
        key,
        kind,
        before: undefined,
        after: { key, kind, value: JSON.parse(value), version: `${epoch}.${revision}` },
      });
    }
    for (const key of deletes) {
      const kind = kindOf(key);
      if (isStreamed(kind)) touches.push({ key, kind, before: undefined, after: undefined });
    }
  }
  return { position, epoch, touches, logged: true };
}
