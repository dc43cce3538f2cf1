import type { Logger } from 'pino';

/** Says once that something fails, however often it is tried, and once that it works again. */
export class Outage {
  readonly #logger: Logger | undefined;
  readonly #begins: string;
  readonly #ends: string;
  #since: number | undefined;

  /** @param begins, ends messages for the log */
  constructor(logger: Logger | undefined, begins: string, ends: string) {
    this.#logger = logger;
    this.#begins = begins;
    this.#ends = ends;
  }

  failed(error: unknown): void {
    if (this.#since !== undefined) return;
    this.#since = performance.now();
    this.#logger?.warn({ reason: error instanceof Error ? error.message : String(error) }, this.#begins);
  }

  worked(): void {
    if (this.#since === undefined) return;
    const seconds = Math.round((performance.now() - this.#since) / 100) / 10;
    this.#since = undefined;
    this.#logger?.info({ seconds }, this.#ends);
  }
}
