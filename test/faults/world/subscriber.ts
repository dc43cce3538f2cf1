import { setTimeout as sleep } from 'node:timers/promises';
import { TOKEN } from './http.ts';
import { compareVersions, revisionOf } from './version.ts';

interface Change {
  readonly op: 'put' | 'delete';
  readonly key: string;
  readonly version: string;
}

interface Frame {
  readonly type: string;
  readonly reason: string;
  readonly position: string;
  readonly entries: readonly { readonly key: string; readonly version: string }[];
  readonly commits: readonly { readonly position: string; readonly events: readonly Change[] }[];
}

/** What one subscriber was before: its position, and key to version of what it knew. */
export interface Past {
  readonly position: string;
  readonly state: ReadonlyMap<string, string>;
}

/** Folds what the stream tells, and comes back by its position whenever the connection ends. */
export class Subscriber {
  /** Of the coordinator that it turns to when it comes back. */
  port: number;
  readonly #topics: readonly string[];
  #socket: WebSocket | undefined;
  #running = true;
  /** Key to version. */
  readonly state = new Map<string, string>();
  position: string | undefined;
  synced = false;
  /** All changes, in the order of their coming. */
  readonly changes: Change[] = [];
  readonly resets: { readonly at: number; readonly reason: string }[] = [];
  /** What a stream must not do. */
  readonly problems: string[] = [];

  constructor(port: number, topics: readonly string[], past?: Past) {
    this.port = port;
    this.#topics = topics;
    if (past) {
      this.position = past.position;
      for (const [key, version] of past.state) this.state.set(key, version);
    }
    void this.#run();
  }

  /** Ends the connection; it comes back at once. */
  reconnect(): void {
    this.synced = false;
    this.#socket?.close();
  }

  stop(): void {
    this.#running = false;
    this.#socket?.close();
  }

  async #run(): Promise<void> {
    while (this.#running) {
      await this.#follow();
      await sleep(100);
    }
  }

  #follow(): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${this.port}/v1/stream`);
      this.#socket = socket;
      socket.onopen = () => {
        const { position } = this;
        socket.send(JSON.stringify({ type: 'auth', token: TOKEN }));
        socket.send(JSON.stringify({ type: 'subscribe', topics: this.#topics, ...(position && { position }) }));
        if (!position) this.state.clear();
      };
      socket.onmessage = ({ data }) => this.#hear(JSON.parse(String(data)) as Frame);
      socket.onclose = socket.onerror = () => {
        this.synced = false;
        resolve();
      };
    });
  }

  #hear({ type, reason, position, entries, commits }: Frame): void {
    if (type === 'reset') {
      this.state.clear();
      this.resets.push({ at: performance.now(), reason });
      this.position = undefined;
    }
    if (type === 'snapshot') for (const { key, version } of entries) this.state.set(key, version);
    if (type === 'synced' || type === 'bookmark') this.#advance(position, { mayStay: true });
    if (type === 'synced') this.synced = true;
    if (type !== 'changes') return;
    for (const commit of commits) {
      this.#advance(commit.position, { mayStay: false });
      for (const change of commit.events) this.#fold(change, commit.position);
    }
  }

  #fold({ op, key, version }: Change, position: string): void {
    const before = this.state.get(key);
    if (op === 'delete') {
      if (!this.state.delete(key)) this.problems.push(`delete of ${key}, which is not known, at ${position}`);
    } else {
      if (before && compareVersions(before, version) >= 0) {
        this.problems.push(`put of ${key} ${version}, not above ${before}, at ${position}`);
      }
      this.state.set(key, version);
    }
    this.changes.push({ op, key, version });
  }

  #advance(position: string, { mayStay }: { mayStay: boolean }): void {
    if (this.position) {
      const step = revisionOf(position) - revisionOf(this.position);
      if (step < 0 || (step === 0 && !mayStay)) this.problems.push(`position ${position} after ${this.position}`);
    }
    this.position = position;
  }
}
