import { readdirSync, readlinkSync } from 'node:fs';
import { holderState } from './holder.ts';
import { type ProcessFacts, readArguments, readProcess, readStamp } from './process-facts.ts';

interface Owner {
  facts: ProcessFacts;
  readonly inodes: Set<number>;
  /** Descriptors looked at, so that the next look reads only new ones. */
  descriptors: Set<string>;
}

/** How long a new process is looked at first when a socket turns up, ms: most bind soon after they start. */
const YOUNG = 30_000;
/** After this many scans each owner has been checked for a changed command line. */
const CHECK_ROUND = 16;
/**
 * Sockets whose process was not found are searched for again after this time, ms, then after twice that and so on: a
 * daemon may have handed its socket to a child that was not there yet when the processes were listed.
 */
const SEARCH_AGAIN = 1_000;
const SEARCH_AGAIN_MAX = 30_000;

/**
 * Which process has which socket. The costly part, reading the descriptors of processes, is done only for inodes that
 * are new: first among processes that own sockets already and those that started lately, then among all.
 */
export class ProcessTable {
  readonly pids = new Set<number>();
  readonly #owners = new Map<number, Owner>();
  /** `null`: nobody that can be seen has it. */
  readonly #ownerOf = new Map<number, number | null>();
  readonly #young = new Map<number, number>();
  /** Sockets and parent by process, as far as they were read during one search. */
  readonly #held = new Map<number, ReadonlySet<number>>();
  readonly #parents = new Map<number, number>();
  #checkFrom = 0;
  #searchAgainAt = Number.POSITIVE_INFINITY;
  #searchPause = SEARCH_AGAIN;

  /** @returns what is known of the process that has the socket; of several, the one that had it first */
  ownerOf(inode: number): ProcessFacts | null {
    const pid = this.#ownerOf.get(inode);
    return pid == null ? null : (this.#owners.get(pid)?.facts ?? null);
  }

  /** Looks which processes there are. @returns whether any came or went */
  list(now: number): boolean {
    const present = new Set<number>();
    for (const name of readdirSync('/proc')) {
      const first = name.charCodeAt(0);
      if (first >= 48 && first <= 57) present.add(Number(name));
    }
    const first = this.pids.size === 0;
    let changed = false;
    for (const pid of present) {
      if (this.pids.has(pid)) continue;
      this.pids.add(pid);
      if (!first) this.#young.set(pid, now);
      changed = true;
    }
    for (const pid of this.pids) {
      if (present.has(pid)) continue;
      this.pids.delete(pid);
      this.#young.delete(pid);
      changed = true;
    }
    for (const [pid, since] of this.#young) if (now - since > YOUNG) this.#young.delete(pid);
    return changed;
  }

  /**
   * Finds the owners of sockets that came, and of those whose owner went.
   *
   * @returns the inodes about whose owner something changed, `added` among them
   */
  update(added: Iterable<number>, removed: Iterable<number>, now: number): Set<number> {
    for (const inode of removed) this.#forget(inode);
    const wanted = new Set(added);
    for (const [pid, owner] of this.#owners) {
      if (this.pids.has(pid)) continue;
      for (const inode of owner.inodes) wanted.add(inode);
      this.#owners.delete(pid);
    }
    const changed = new Set(wanted);
    for (const inode of this.#check()) {
      changed.add(inode);
      if (!this.ownerOf(inode)) wanted.add(inode);
    }
    for (const inode of this.#bereft()) changed.add(inode);
    for (const inode of wanted) this.#ownerOf.set(inode, null);
    const again = now >= this.#searchAgainAt;
    if (again) for (const [inode, pid] of this.#ownerOf) if (pid === null) wanted.add(inode);
    for (const inode of this.#search(wanted)) changed.add(inode);
    const unfound = wanted.size > 0;
    if (again || unfound) {
      this.#searchPause = again ? Math.min(2 * this.#searchPause, SEARCH_AGAIN_MAX) : SEARCH_AGAIN;
      this.#searchAgainAt = now + this.#searchPause;
    }
    return changed;
  }

  #forget(inode: number): void {
    const pid = this.#ownerOf.get(inode);
    const owner = pid == null ? undefined : this.#owners.get(pid);
    owner?.inodes.delete(inode);
    // The number of the descriptor is free again, and the next socket will have it.
    owner?.descriptors.clear();
    this.#ownerOf.delete(inode);
  }

  /** Of those whose ports another process held that is no more: only one that is gone from the list is looked for. */
  *#bereft(): Generator<number> {
    for (const owner of this.#owners.values()) {
      const { holder, environment } = owner.facts;
      if (holder !== 'alive' || this.pids.has(Number.parseInt(environment.holder ?? '', 10))) continue;
      owner.facts = { ...owner.facts, holder: holderState(environment.holder) };
      yield* owner.inodes;
    }
  }

  /** A process may take on another program (exec) or title, and a pid another process: looks at a few owners a scan. */
  *#check(): Generator<number> {
    const pids = [...this.#owners.keys()];
    const count = Math.ceil(pids.length / CHECK_ROUND);
    for (let i = 0; i < count; i++) {
      const pid = pids[this.#checkFrom++ % pids.length] as number;
      const owner = this.#owners.get(pid) as Owner;
      const stamp = readStamp(pid);
      if (stamp?.startedAt !== owner.facts.process.startedAt) {
        this.#owners.delete(pid);
        yield* owner.inodes;
      } else if (
        !sameArguments(readArguments(pid), owner.facts.argv) ||
        holderState(owner.facts.environment.holder) !== owner.facts.holder
      ) {
        owner.facts = readProcess(pid) ?? owner.facts;
        yield* owner.inodes;
      }
    }
    if (this.#checkFrom >= pids.length) this.#checkFrom = 0;
  }

  /** @returns the inodes that were found; takes them out of `wanted` */
  #search(wanted: Set<number>): number[] {
    const found: number[] = [];
    const look = (pid: number, all: boolean) => {
      if (wanted.size === 0) return;
      for (const inode of this.#descriptors(pid, wanted, all)) {
        if (this.#claim(pid, inode)) found.push(inode);
        else wanted.add(inode);
      }
    };
    // A parent has a lower pid than its children, nearly always.
    const first = [...new Set([...this.#owners.keys(), ...this.#young.keys()])].sort((a, b) => a - b);
    for (const pid of first) if (pid !== 1) look(pid, false);
    for (const pid of this.pids) if (pid !== 1) look(pid, true);
    // systemd holds the sockets of the services that it starts on demand; they are the service's once it runs.
    if (this.pids.has(1)) look(1, true);
    this.#held.clear();
    this.#parents.clear();
    return found;
  }

  /** @returns which of the wanted sockets the process has; takes them out of `wanted` */
  #descriptors(pid: number, wanted: Set<number>, all: boolean): number[] {
    const owner = this.#owners.get(pid);
    let names: string[];
    try {
      names = readdirSync(`/proc/${pid}/fd`);
    } catch {
      return [];
    }
    const found: number[] = [];
    for (const name of names) {
      if (wanted.size === 0) break;
      if (!all && owner?.descriptors.has(name)) continue;
      const inode = socketInode(`/proc/${pid}/fd/${name}`);
      owner?.descriptors.add(name);
      if (inode !== null && wanted.delete(inode)) found.push(inode);
    }
    if (owner && owner.descriptors.size > 2 * names.length + 64) owner.descriptors = new Set();
    return found;
  }

  #claim(pid: number, inode: number): boolean {
    const oldest = this.#oldestHolder(pid, inode);
    let owner = this.#owners.get(oldest);
    if (!owner) {
      const facts = readProcess(oldest);
      if (!facts) return false;
      owner = { facts, inodes: new Set(), descriptors: new Set() };
      this.#owners.set(oldest, owner);
      this.pids.add(oldest);
    }
    owner.inodes.add(inode);
    this.#ownerOf.set(inode, oldest);
    return true;
  }

  /** A socket passes from parent to child by fork: climbs to the first ancestor that has it. */
  #oldestHolder(pid: number, inode: number): number {
    let oldest = pid;
    for (;;) {
      let parent = this.#parents.get(oldest);
      if (parent === undefined) this.#parents.set(oldest, (parent = readStamp(oldest)?.parent ?? 0));
      if (parent <= 1) return oldest;
      let held = this.#held.get(parent);
      if (!held) this.#held.set(parent, (held = socketsOf(parent)));
      if (!held.has(inode)) return oldest;
      oldest = parent;
    }
  }
}

function socketsOf(pid: number): Set<number> {
  let names: string[];
  try {
    names = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return new Set();
  }
  return new Set(names.map((name) => socketInode(`/proc/${pid}/fd/${name}`)).filter((inode) => inode !== null));
}

/** @returns the inode when the descriptor is a socket */
function socketInode(path: string): number | null {
  try {
    const target = readlinkSync(path);
    return target.startsWith('socket:[') ? Number(target.slice(8, -1)) : null;
  } catch {
    return null;
  }
}

function sameArguments(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((argument, index) => argument === b[index]);
}
