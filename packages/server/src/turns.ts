import { currentSender, type Sender } from './access/sender.ts';
import { tooMany } from './too-many.ts';

/** How long all long work together may keep everybody else waiting at a time, ms. */
const TURN = 10;
/** Steps between two looks at the clock, which cost more than most steps. */
const STEPS = 16;
/**
 * Turns of the event loop between two such times. In one turn one connection is accepted: were there only one, the last of a
 * hundred new connections would wait a hundred times as long. A turn in which nothing is to do takes microseconds.
 */
const TURNS_BETWEEN = 16;
/** Requests of one account that wait for their turn. */
const WAITING_MAX = 32;

/** Parts long work, so that others have their turn in between: `if (turns.isOver) await turns.next();` after each step. */
export class Turns {
  readonly #sender: Sender | undefined;
  #begun: boolean;
  #steps = 0;
  #end = schedule.end();

  /** @param begun whether it cannot be refused any more */
  constructor({ begun = false } = {}) {
    this.#sender = currentSender();
    this.#begun = begun;
  }

  get isOver(): boolean {
    return ++this.#steps % STEPS === 0 && performance.now() >= this.#end;
  }

  /** @throws PortolanError `too-many` the first time, when the account has too many that wait; `abandoned` when nobody waits for it */
  async next(): Promise<void> {
    this.#sender?.insistOnWaiting();
    const limit = this.#begun || this.#sender?.limitedAs === undefined ? Number.POSITIVE_INFINITY : WAITING_MAX;
    await schedule.next(this.#sender?.account ?? '', limit);
    this.#begun = true;
    this.#end = schedule.end();
  }
}

/**
 * All long work of this process: of those that wait, one goes on at a time, and the accounts take turns. So however much
 * one account asks for, everybody else waits no longer than for one.
 */
class Schedule {
  /** Who comes first is next. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** ms of the monotonic clock; `undefined` when nothing has begun lately. */
  #end: number | undefined;
  /** Turns of the event loop since somebody went on. */
  #turns = 0;

  /** Until when what begins or goes on now may run. */
  end(): number {
    if (this.#end === undefined) {
      // What is new has no time of its own while others wait for theirs.
      this.#end = this.#waiting.size > 0 ? 0 : performance.now() + TURN;
      setImmediate(() => this.#turn());
    }
    return this.#end;
  }

  async next(account: string, limit: number): Promise<void> {
    const waiting = this.#waiting.get(account) ?? [];
    if (waiting.length >= limit) throw tooMany(`${limit} long reads with this token are under way`);
    this.#waiting.set(account, waiting);
    this.end();
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  #turn(): void {
    const [first] = this.#waiting;
    if (!first) {
      this.#end = undefined;
      return;
    }
    setImmediate(() => this.#turn());
    if (++this.#turns < TURNS_BETWEEN) return;
    this.#turns = 0;
    const [account, waiting] = first;
    const resume = waiting.shift()!;
    this.#waiting.delete(account);
    if (waiting.length > 0) this.#waiting.set(account, waiting);
    this.#end = performance.now() + TURN;
    resume();
  }
}

const schedule = new Schedule();
