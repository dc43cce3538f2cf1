import type { Sheets } from '@portolan/gossip';
import {
  type Assignment,
  HOST_LISTENERS_TOLD,
  type Host,
  type HostInfo,
  key,
  type Listener,
  listenerId,
  packOwn,
  provisionalKey,
} from '@portolan/model';
import type { FleetCopy } from './fleet-copy.ts';

/** What an agent says of its own host: to its own copy of the fleet at once, and to all others by gossip. */
export class OwnSheet {
  readonly #host: string;
  readonly #copy: FleetCopy;
  readonly #since = new Date().toISOString();
  #info: HostInfo;
  #listeners: readonly Listener[] = [];
  #provisional: readonly Assignment[] = [];
  #records: ReadonlyMap<string, string> = new Map();
  #packed = new WeakMap<Listener, string>();
  #sheets: Pick<Sheets, 'publish'> | undefined;

  constructor(host: string, info: HostInfo, copy: FleetCopy) {
    this.#host = host;
    this.#info = info;
    this.#copy = copy;
  }

  /** From now on it is told to others, too; `undefined`: it is no longer. */
  attach(sheets: Pick<Sheets, 'publish'> | undefined): void {
    this.#sheets = sheets;
    this.#tell();
  }

  describe(info: HostInfo): void {
    this.#info = info;
    this.#settle();
  }

  update(listeners: readonly Listener[]): void {
    this.#listeners = listeners;
    this.#settle();
  }

  /** The leases that this agent gave by itself. */
  promise(assignments: readonly Assignment[]): void {
    this.#provisional = assignments;
    this.#settle();
  }

  #settle(): void {
    const records = new Map<string, string>();
    const host: Host = { ...this.#info, id: this.#host, state: 'alive', stateSince: this.#since };
    records.set(key.host(this.#host), packOwn({ kind: 'host', value: host }));
    for (const listener of this.#listeners.slice(0, HOST_LISTENERS_TOLD)) {
      records.set(key.listener(this.#host, listenerId(listener)), this.#pack(listener));
    }
    for (const value of this.#provisional) {
      records.set(provisionalKey(value.protocol, value.port), packOwn({ kind: 'provisional', value }));
    }
    const before = this.#records;
    this.#records = records;
    const puts = new Map([...records].filter(([recordKey, text]) => before.get(recordKey) !== text));
    const deletes = [...before.keys()].filter((recordKey) => !records.has(recordKey));
    if (puts.size === 0 && deletes.length === 0) return;
    this.#copy.take({ owner: this.#host, puts, deletes, gone: false });
    this.#tell();
  }

  /** Versions grow with the clock, so that after a restart they go on above those of before. */
  #tell(): void {
    this.#sheets?.publish(this.#host, this.#records, Date.now());
  }

  #pack(listener: Listener): string {
    let text = this.#packed.get(listener);
    if (text === undefined) {
      text = packOwn({ kind: 'listener', value: { ...listener, host: this.#host } });
      this.#packed.set(listener, text);
    }
    return text;
  }
}
