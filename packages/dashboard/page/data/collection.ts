import { signal } from '@preact/signals';
import { touch } from './frame.ts';

/**
 * The entries of one topic, by key. Reading `all` in a component or a computed signal has it follow: entries change in
 * place as changes come, and readers are told once a frame.
 */
export class Collection<T> {
  readonly #entries = new Map<string, T>();
  readonly #version = signal(0);
  /** While a snapshot loads: the keys that it had so far. */
  #seen: Set<string> | undefined;

  get all(): ReadonlyMap<string, T> {
    void this.#version.value;
    return this.#entries;
  }

  /** Without following it. */
  peek(key: string): T | undefined {
    return this.#entries.get(key);
  }

  put(key: string, value: T): T | undefined {
    const before = this.#entries.get(key);
    this.#entries.set(key, value);
    this.#seen?.add(key);
    touch(this.#version);
    return before;
  }

  delete(key: string): T | undefined {
    const before = this.#entries.get(key);
    if (before === undefined) return undefined;
    this.#entries.delete(key);
    touch(this.#version);
    return before;
  }

  /** A snapshot begins: what is there stays on the screen until it is whole. */
  begin(): void {
    this.#seen = new Set();
  }

  /** The snapshot is whole. @returns what it did not have, which is gone */
  settle(): T[] {
    const seen = this.#seen;
    this.#seen = undefined;
    if (!seen) return [];
    const gone = [...this.#entries.keys()].filter((key) => !seen.has(key));
    return gone.map((key) => this.delete(key) as T);
  }
}
