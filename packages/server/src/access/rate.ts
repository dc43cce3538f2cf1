/** One token bucket: what is left, and when that was so. */
interface Bucket {
  left: number;
  at: number;
}

/** Buckets that have filled up again are forgotten when there are this many. */
const BUCKETS_MAX = 10_000;
const FORGOTTEN_AT_ONCE = 1_000;

/**
 * Limits how often something is done, for each key by itself: `perSecond` in the long run, and `burst` at once.
 *
 * @see https://en.wikipedia.org/wiki/Token_bucket
 */
export class Rate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /**
   * @param now ms, of a clock that never goes back
   * @returns 0 when it may be done; else the seconds to wait
   */
  take(key: string, now: number): number {
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= BUCKETS_MAX) this.#forget(now);
      this.#buckets.set(key, (bucket = { left: this.#burst, at: now }));
    }
    bucket.left = this.#leftAt(bucket, now);
    bucket.at = now;
    if (bucket.left < 1) return (1 - bucket.left) / this.#perSecond;
    bucket.left--;
    return 0;
  }

  get size(): number {
    return this.#buckets.size;
  }

  #leftAt({ left, at }: Bucket, now: number): number {
    return Math.min(this.#burst, left + ((now - at) / 1000) * this.#perSecond);
  }

  #forget(now: number): void {
    for (const [key, bucket] of this.#buckets) if (this.#leftAt(bucket, now) >= this.#burst) this.#buckets.delete(key);
    // In use: whoever came first has had the longest time to fill up again. Some at once, since a look at all is dear.
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size < BUCKETS_MAX - FORGOTTEN_AT_ONCE) break;
      this.#buckets.delete(key);
    }
  }
}
