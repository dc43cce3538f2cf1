import { addTo, type Fleet, type Held, type Host, type Position, type Touch, topics } from '@portolan/model';
import { HistoryLostError } from '../store/store.ts';
import { isOfHost } from './filter.ts';
import type { Group } from './history.ts';

/**
 * All that a filter's host goes by at one moment: what the filter calls it, and ids and names of the hosts that have
 * this id or name; several may share a name. Two moments between which this did not change have the same set.
 */
export type HostNames = ReadonlySet<string>;

/** The hosts of the fleet by name, kept up with each group, so that to know a host's names costs nothing. */
export class HostDirectory {
  readonly #fleet: Fleet;
  readonly #byName = new Map<string, Set<string>>();
  /** What was asked for at the last position: many channels ask for the same at once. */
  #asked: { readonly position: Position; readonly entries: Map<string, readonly Held[]> } | undefined;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** The fleet was loaded anew. */
  begin(): void {
    this.#asked = undefined;
    this.#byName.clear();
    for (const { value } of this.#fleet.all('host')) addTo(this.#byName, value.name, value.id);
  }

  applied(touches: readonly Touch[]): void {
    for (const { before, after } of touches.filter(isHost)) {
      if (before) this.#remove(before.value);
      if (after) addTo(this.#byName, after.value.name, after.value.id);
    }
  }

  /**
   * The names before the first of these groups and after each.
   *
   * @param groups as they follow on each other, up to where the fleet is now
   * @param count of how many groups it is asked
   * @throws HistoryLostError `trimmed` when that lies so far back that names of hosts are no longer known
   */
  namesAround(wanted: string, groups: readonly Group[], count: number): HostNames[] {
    let hosts = this.#called(wanted);
    let names = namesOf(wanted, hosts);
    const around = [names];
    for (let i = groups.length - 1; i >= 0; i--) {
      const before = callBack(wanted, hosts, groups[i]!);
      if (before !== hosts) names = namesOf(wanted, (hosts = before));
      if (i <= count) around.push(names);
    }
    return around.reverse().slice(0, count + 1);
  }

  /** The entries that are about these hosts now. @param hosts ids and names */
  entriesOf(hosts: ReadonlySet<string>): readonly Held[] {
    const { position } = this.#fleet;
    if (this.#asked?.position !== position) this.#asked = { position, entries: new Map() };
    const asked = JSON.stringify([...hosts].sort());
    let entries = this.#asked.entries.get(asked);
    if (!entries) this.#asked.entries.set(asked, (entries = [...this.#entriesOf(hosts)]));
    return entries;
  }

  *#entriesOf(hosts: ReadonlySet<string>): Generator<Held> {
    // By far the most entries are listeners, and these are found by their host.
    for (const host of hosts) yield* this.#fleet.listenersOf(host).values();
    for (const topic of topics) {
      if (topic === 'listener') continue;
      for (const held of this.#fleet.all(topic)) if (isOfHost(held, hosts)) yield held;
    }
  }

  #called(wanted: string): Called {
    const called = new Map<string, string>();
    const byId = this.#fleet.host(wanted);
    if (byId) called.set(byId.id, byId.name);
    for (const id of this.#byName.get(wanted) ?? []) called.set(id, wanted);
    return called;
  }

  #remove({ id, name }: Host): void {
    const ids = this.#byName.get(name);
    ids?.delete(id);
    if (ids?.size === 0) this.#byName.delete(name);
  }
}

/** The hosts that have a name at one of two moments that follow on each other in these, and not at the other. */
export function renamedIn(around: readonly HostNames[]): Set<string> {
  const renamed = new Set<string>();
  for (let i = 1; i < around.length; i++) {
    const [before, after] = [around[i - 1]!, around[i]!];
    if (before === after) continue;
    for (const name of before) if (!after.has(name)) renamed.add(name);
    for (const name of after) if (!before.has(name)) renamed.add(name);
  }
  return renamed;
}

/** The names when these are all hosts that there are. */
export function namesAmong(wanted: string, hosts: Iterable<Host>): HostNames {
  const called = new Map<string, string>();
  for (const { id, name } of hosts) if (id === wanted || name === wanted) called.set(id, name);
  return namesOf(wanted, called);
}

/** Id to name of the hosts that a filter calls by either. */
type Called = ReadonlyMap<string, string>;

interface HostTouch extends Touch {
  readonly before: Held<'host'> | undefined;
  readonly after: Held<'host'> | undefined;
}

function isHost(touch: Touch): touch is HostTouch {
  return touch.kind === 'host';
}

/** Whom the filter called before the group; the same map when that was no other. */
function callBack(wanted: string, called: Called, { touches, logged }: Group): Called {
  let earlier: Map<string, string> | undefined;
  for (const { before, after } of touches.filter(isHost).reverse()) {
    if (logged) throw new HistoryLostError('trimmed');
    if (before?.value.name === after?.value.name) continue;
    earlier ??= new Map(called);
    if (after) earlier.delete(after.value.id);
    if (before && (before.value.id === wanted || before.value.name === wanted))
      earlier.set(before.value.id, before.value.name);
  }
  return earlier && !sameCalled(earlier, called) ? earlier : called;
}

function sameCalled(a: Called, b: Called): boolean {
  return a.size === b.size && [...a].every(([id, name]) => b.get(id) === name);
}

function namesOf(wanted: string, called: Called): HostNames {
  return new Set([wanted, ...called.keys(), ...called.values()]);
}
