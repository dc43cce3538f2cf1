import { type Health, type HealthReport, key, type Listener } from '@portolan/model';
import type { Clock } from './clock.ts';
import { askHealth } from './health-question.ts';

/** What a coordinator says of the health checks that it wants of this host. */
export type HealthNews =
  /** All that was said before is void. */
  | { readonly op: 'reset' }
  | { readonly op: 'put'; readonly value: Health }
  /** Key of the entry. */
  | { readonly op: 'delete'; readonly key: string };

export interface HealthCheckerOptions {
  readonly clock: Clock;
  /** In [0, 1), so that not all are asked at once. */
  readonly random: () => number;
  /** What listens here now. */
  readonly listeners: () => readonly Listener[];
  readonly report: (report: HealthReport) => Promise<unknown>;
  /** Told when a report was not taken; it is made again with the next answer. */
  readonly onTrouble: (error: unknown) => void;
  /** Between two questions to one service, ms. */
  readonly interval?: number | undefined;
}

const INTERVAL = 10_000;
/** So many in a row make it failing: a hiccup is none. After one that failed it is asked again soon, ms. */
const FAILURES = 3;
const ASK_AGAIN = 1_000;
/** Questions under way at once, and apart from one another at the beginning, ms. */
const AT_ONCE = 8;
const APART = 20;

interface Check {
  /** With the state that the coordinator knows. */
  health: Health;
  failures: number;
  dueAt: number;
}

/** Asks the services of this host how they are, and tells when one is otherwise than before. */
export class HealthChecker {
  readonly #options: HealthCheckerOptions;
  readonly #checks = new Map<string, Check>();
  readonly #underWay = new Map<string, Promise<void>>();
  #results = new Map<string, HealthReport['results'][number]>();
  #reporting = false;
  #news = new AbortController();

  constructor(options: HealthCheckerOptions) {
    this.#options = options;
  }

  heed(news: HealthNews): void {
    if (news.op === 'reset') this.#checks.clear();
    else if (news.op === 'delete') this.#checks.delete(news.key);
    else this.#want(news.value);
    this.#news.abort();
  }

  #want(health: Health): void {
    const entryKey = key.health(health);
    const known = this.#checks.get(entryKey);
    if (known && JSON.stringify(known.health.check) === JSON.stringify(health.check)) {
      known.health = health;
      return;
    }
    const { clock, random, interval = INTERVAL } = this.#options;
    const apart = Math.min(interval, APART * this.#checks.size);
    this.#checks.set(entryKey, { health, failures: 0, dueAt: clock.now() + random() * apart });
  }

  /** Ends with the signal, once the questions under way have their answer. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      this.#news = new AbortController();
      const wait = this.#askDue();
      await clock.wait(wait, AbortSignal.any([signal, this.#news.signal]));
    }
    await Promise.all(this.#underWay.values());
  }

  /** @returns ms until there is something to do again */
  #askDue(): number {
    const now = this.#options.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [entryKey, check] of this.#checks) {
      if (this.#underWay.has(entryKey)) continue;
      if (check.dueAt > now) next = Math.min(next, check.dueAt);
      else if (this.#underWay.size < AT_ONCE) this.#underWay.set(entryKey, this.#ask(entryKey, check));
    }
    return Math.min(Math.max(next - now, 0), 60_000);
  }

  async #ask(entryKey: string, check: Check): Promise<void> {
    const { clock, random, listeners, interval = INTERVAL } = this.#options;
    const { passed, code, ms, detail } = await askHealth(check.health.check, listeners());
    this.#underWay.delete(entryKey);
    this.#news.abort();
    check.failures = passed ? 0 : check.failures + 1;
    const sure = passed || check.failures >= FAILURES;
    check.dueAt = clock.now() + (sure ? interval * (0.9 + 0.2 * random()) : ASK_AGAIN);
    // The check may be another one by now.
    if (!sure || this.#checks.get(entryKey) !== check) return;
    const { service, label, state } = check.health;
    const found = passed ? 'passing' : 'failing';
    if (state !== found) this.#tell(entryKey, { service, label, state: found, code, ms, detail });
  }

  #tell(entryKey: string, result: HealthReport['results'][number]): void {
    this.#results.set(entryKey, result);
    void this.#report();
  }

  /** What is not taken now is found to differ again with the next answer. */
  async #report(): Promise<void> {
    if (this.#reporting) return;
    this.#reporting = true;
    try {
      while (this.#results.size > 0) {
        const results = [...this.#results.values()];
        this.#results = new Map();
        await this.#options.report({ results });
      }
    } catch (error) {
      this.#options.onTrouble(error);
    } finally {
      this.#reporting = false;
    }
  }
}
