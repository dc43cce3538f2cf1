import type { Clock, Timer } from '../world.ts';

interface Entry extends Timer {
  readonly time: number;
  /** Among entries of one time, the first that was asked for is the first. */
  readonly order: number;
  call: (() => void) | null;
}

/** Virtual time: it goes on to whatever comes next. */
export class Schedule implements Clock {
  #now = 0;
  #orders = 0;
  /** A binary heap, the next entry first. */
  readonly #heap: Entry[] = [];

  now(): number {
    return this.#now;
  }

  after(delay: number, call: () => void): Timer {
    const entry: Entry = { time: this.#now + Math.max(0, delay), order: this.#orders++, call, cancel };
    this.#push(entry);
    return entry;
  }

  /** Calls what comes next. @returns false, and lets time pass until then, when that is not before `end` */
  step(end: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (!next || next.time > end) {
        this.#now = Math.max(this.#now, end);
        return false;
      }
      this.#pop();
      const { call } = next;
      if (!call) continue;
      next.call = null;
      this.#now = next.time;
      call();
      return true;
    }
  }

  /** Lets time pass. @param duration ms */
  run(duration: number): void {
    const end = this.#now + duration;
    while (this.step(end));
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (isBefore(heap[parent]!, entry)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/** It stays in the heap until its time has come: taking it out would cost more. */
function cancel(this: Entry): void {
  this.call = null;
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}
