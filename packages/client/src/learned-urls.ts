/** Those that have proved may fill so many places. */
const PROVEN_MAX = 32;
/** Proofs that are asked for at once: who never answers keeps one of these busy, and not the others. */
const AT_ONCE = 8;
/** How long a proof counts, ms. */
const PROVED_FOR = 10_000;
/** How long one that failed to prove is left alone, ms: shorter for one that had proved before, which may only restart. */
const RETRY_AFTER = 30_000;
const RESTART_AFTER = 5_000;

/**
 * Coordinators that others name, such as gossip. Any member may name any number of them, so that it is worth nothing:
 * one takes a place only after it has proved to be of this fleet, and keeps it while it goes on to prove and to be named.
 * They are tried in the order in which they were named, those that failed last of all.
 */
export class LearnedUrls {
  readonly #isOurs: (url: string) => Promise<boolean>;
  readonly #signal: AbortSignal | undefined;
  #named: ReadonlySet<string> = new Set();
  /** When each proved last, ms; -Infinity: it failed since, and has to prove anew. */
  readonly #proven = new Map<string, number>();
  /** Before when each is not tried, ms. */
  readonly #waiting = new Map<string, number>();
  readonly #proofs = new Map<string, Promise<boolean>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param isOurs settles in bounded time
   * @param signal ends all trying
   */
  constructor(isOurs: (url: string) => Promise<boolean>, signal?: AbortSignal) {
    this.#isOurs = isOurs;
    this.#signal = signal;
  }

  /** Those that have proved, and are tried. */
  get proven(): readonly string[] {
    return [...this.#proven.keys()];
  }

  /** All that are named now, instead of those that were named before. */
  name(urls: Iterable<string>): void {
    this.#named = new Set(urls);
    for (const url of this.#proven.keys()) if (!this.#named.has(url)) this.#proven.delete(url);
    const now = performance.now();
    // To be named again is no way to be tried again sooner.
    for (const [url, due] of this.#waiting) if (!this.#named.has(url) && due <= now) this.#waiting.delete(url);
    for (const url of this.#named) {
      if (!this.#proven.has(url) && !this.#waiting.has(url) && !this.#proofs.has(url)) this.#waiting.set(url, now);
    }
    this.#tryNext();
  }

  /** It failed, so its earlier proof counts no more. */
  doubt(url: string): void {
    if (this.#proven.has(url)) this.#proven.set(url, Number.NEGATIVE_INFINITY);
  }

  /** Whether it has its place by a proof that still counts, or proves now. */
  async isTrusted(url: string): Promise<boolean> {
    const proved = this.#proven.get(url);
    if (proved === undefined) return false;
    return performance.now() - proved < PROVED_FOR || this.#prove(url);
  }

  #prove(url: string): Promise<boolean> {
    const begun = this.#proofs.get(url) ?? this.#judge(url);
    this.#proofs.set(url, begun);
    return begun;
  }

  async #judge(url: string): Promise<boolean> {
    const isOurs = await this.#isOurs(url).catch(() => false);
    this.#proofs.delete(url);
    const hasPlace = this.#proven.has(url) || this.#proven.size < PROVEN_MAX;
    const stays = isOurs && hasPlace && this.#named.has(url);
    const now = performance.now();
    if (stays) this.#proven.set(url, now);
    else this.#waiting.set(url, now + (this.#proven.delete(url) ? RESTART_AFTER : RETRY_AFTER));
    this.#tryNext();
    return stays;
  }

  #tryNext(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    let soonest = Number.POSITIVE_INFINITY;
    for (const [url, due] of this.#waiting) {
      // One that ends looks here again.
      if (this.#signal?.aborted || this.#proofs.size >= AT_ONCE || this.#proven.size >= PROVEN_MAX) return;
      if (!this.#named.has(url)) continue;
      if (due > now) {
        soonest = Math.min(soonest, due);
        continue;
      }
      this.#waiting.delete(url);
      void this.#prove(url);
    }
    if (soonest === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#tryNext(), Math.ceil(soonest - now));
    // A process is not kept for it; a browser has nothing to tell that to.
    (this.#timer as { unref?(): void }).unref?.();
  }
}
