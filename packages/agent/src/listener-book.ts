import { type Listener, listenerFingerprint, listenerId } from '@portolan/model';

interface Entry {
  readonly listener: Listener;
  readonly fingerprint: string;
}

/** The listeners of the last listing: gives what did not change the same object and the same `since`. */
export class ListenerBook {
  #entries = new Map<string, Entry>();
  #first = true;

  /** @param seen the whole listing @param now ISO time, for those that are new */
  enter(seen: readonly Omit<Listener, 'since'>[], now: string): { listeners: Listener[]; changed: boolean } {
    const entries = new Map<string, Entry>();
    let changed = this.#first;
    this.#first = false;
    for (const each of seen) {
      const id = listenerId(each);
      const before = this.#entries.get(id);
      const listener: Listener = { ...each, since: before?.listener.since ?? now };
      const fingerprint = listenerFingerprint(listener);
      if (before?.fingerprint === fingerprint) entries.set(id, before);
      else {
        entries.set(id, { listener, fingerprint });
        changed = true;
      }
    }
    if (entries.size !== this.#entries.size) changed = true;
    this.#entries = entries;
    return { listeners: Array.from(entries.values(), ({ listener }) => listener), changed };
  }
}
