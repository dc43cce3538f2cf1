import { readlinkSync } from 'node:fs';
import { HOST_NETNS } from '@portolan/model';

export interface NetworkNamespace {
  /** `host` for the agent's own, else as the kernel writes it: `net:[4026532281]`. */
  readonly name: string;
  /** Where its tables are: `/proc/net`, or `/proc/<pid>/net` of a process inside. */
  readonly path: string;
  /** Whether a process in it came or went since the last look. */
  readonly moved: boolean;
}

/** A process can change its namespace without a trace in the list of processes: all are looked at this often, ms. */
const LOOK_AGAIN = 5_000;

export const HOST_NAMESPACE = { name: HOST_NETNS, path: '/proc/self/net' } as const;

/** The network namespaces that have a process which the agent may look into. */
export class NetworkNamespaces {
  readonly #own = namespaceOf('self');
  readonly #ofProcess = new Map<number, string | null>();
  #namespaces: readonly NetworkNamespace[] = [{ ...HOST_NAMESPACE, moved: false }];
  #lookAgain = 0;

  /** @param changed whether a process came or went since the last look */
  look(pids: ReadonlySet<number>, changed: boolean, now: number): readonly NetworkNamespace[] {
    if (!changed && now < this.#lookAgain) {
      if (this.#namespaces.some(({ moved }) => moved)) {
        this.#namespaces = this.#namespaces.map((namespace) => ({ ...namespace, moved: false }));
      }
      return this.#namespaces;
    }
    const moved = this.#follow(pids, now);
    const found = new Map<string, NetworkNamespace>();
    for (const [pid, name] of this.#ofProcess) {
      if (name === null || name === this.#own || found.has(name)) continue;
      found.set(name, { name, path: `/proc/${pid}/net`, moved: moved.has(name) });
    }
    this.#namespaces = [{ ...HOST_NAMESPACE, moved: moved.has(this.#own) }, ...found.values()];
    return this.#namespaces;
  }

  /** @returns the namespaces that processes came into or went from */
  #follow(pids: ReadonlySet<number>, now: number): Set<string | null> {
    const moved = new Set<string | null>();
    const again = now >= this.#lookAgain;
    if (again) this.#lookAgain = now + LOOK_AGAIN;
    for (const [pid, name] of this.#ofProcess) {
      if (pids.has(pid)) continue;
      this.#ofProcess.delete(pid);
      moved.add(name);
    }
    for (const pid of pids) {
      const before = this.#ofProcess.get(pid);
      if (before !== undefined && !again) continue;
      const name = namespaceOf(pid);
      if (name === before) continue;
      this.#ofProcess.set(pid, name);
      moved.add(name);
    }
    // Of processes that may not be looked into nothing is known: they may well be in the agent's own namespace.
    if (moved.has(null)) moved.add(this.#own);
    return moved;
  }
}

/** @returns `null` when the process is gone or may not be looked into */
function namespaceOf(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}
